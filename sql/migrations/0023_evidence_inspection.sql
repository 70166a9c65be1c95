-- Evidence photos: finding again one that looks the same among a million, and the list of what QA has to look at.

-- Each index holds one quarter (a band of 16 bits) of the perceptual hash. Of two hashes that differ in at most 7 bits,
-- one band differs in at most one: 17 values asked of each index find them all. The hash and the id stand in the index
-- too, so that most candidates are compared without a look at the table.
create index ticket_attachments_band_0_idx on ticket_attachments (
    ((perceptual_hash >> 48) & 65535), perceptual_hash
) include (id) where perceptual_hash is not null and deleted_at is null;
create index ticket_attachments_band_1_idx on ticket_attachments (
    ((perceptual_hash >> 32) & 65535), perceptual_hash
) include (id) where perceptual_hash is not null and deleted_at is null;
create index ticket_attachments_band_2_idx on ticket_attachments (
    ((perceptual_hash >> 16) & 65535), perceptual_hash
) include (id) where perceptual_hash is not null and deleted_at is null;
create index ticket_attachments_band_3_idx on ticket_attachments (
    (perceptual_hash & 65535), perceptual_hash
) include (id) where perceptual_hash is not null and deleted_at is null;

-- What waits for QA's word, newest first; and all evidence photos in the same order.
create index ticket_attachments_findings_idx on ticket_attachments (uploaded_at desc, id desc)
where
    file_type = 'photo' and is_evidence and deleted_at is null and overruled_at is null
    and inspection_status in ('rejected', 'suspect');
create index ticket_attachments_evidence_idx on ticket_attachments (uploaded_at desc, id desc)
where file_type = 'photo' and is_evidence and deleted_at is null;
