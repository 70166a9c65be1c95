"""The shapes of the wire contract: what each thing that the API tells of is made of; see `tests.wire`."""

from __future__ import annotations

# fmt: off
SHAPES = {
    "Ticket": "id:uuid ticket_uid:text source:text ticket_type:text priority:text status:text external_id:str?"
    " title:text description:str? client_name:str? client_contact:str? client_email:str? dr_number:str?"
    " pole_number:str? pon_number:str? project_id:str? zone_id:str? address:str? gps_coordinates:Position?"
    " ont_serial:str? ont_model:str? ont_rx_level:num? assigned_to:str? assigned_contractor_id:str?"
    " assigned_team_id:str? assigned_team:str? assigned_user:Person? guarantee_status:str? guarantee_expires_at:ts?"
    " is_billable:bool? billing_classification:str? qa_ready:bool qa_readiness_check_at:ts?"
    " qa_readiness_failed_reasons:[str]? fault_cause:str? fault_cause_details:str? rectification_count:int"
    " sla_due_at:ts? sla_first_response_at:ts? sla_breached:bool created_at:ts updated_at:ts created_by:str?"
    " closed_by:str? closed_at:ts?",
    "Position": "latitude:num longitude:num",
    "Person": "id:uuid name:text email:str?",
    "Enriched": "id:uuid fibreflow_enrichment:Enrichment",
    "Enrichment": "fibreflow_gps:obj? fibreflow_pole_number fibreflow_pon fibreflow_zone fibreflow_contractor"
    " fibreflow_municipality onemap_customer_name onemap_contact_number onemap_address onemap_gps:obj?"
    " project:EnrichedProject? sow_match_found:bool onemap_match_found:bool project_match_found:bool",
    "EnrichedProject": "project_id:str project_name:str project_code:str",
    "Pages": "page:int pageSize:int total:int totalPages:int",
    "Offsets": "total:int limit:int offset:int has_more:bool",
    "Move": "current:text requested:text allowed:[text]",
    "Step": "id:uuid ticket_id:uuid step_number:int step_name:text step_description:str? is_complete:bool"
    " completed_at:ts? completed_by:str? photo_required:bool photo_url:str? photo_verified:bool notes:str?"
    " created_at:ts",
    "Progress": "ticket_id:uuid total_steps:int completed_steps:int pending_steps:int progress_percentage:int"
    " all_steps_complete:bool steps:[Step]",
    "Check": "id:uuid ticket_id:uuid passed:bool checked_at:ts checked_by:str? photos_exist:bool photos_count:int"
    " photos_required_count:int dr_populated:bool pole_populated:bool pon_populated:bool zone_populated:bool"
    " ont_serial_recorded:bool ont_rx_recorded:bool platforms_aligned:bool failed_checks:[FailedCheck] created_at:ts",
    "FailedCheck": "check_name:text reason:text expected actual",
    "Readiness": "ticket_id:uuid is_ready:bool last_check:Check? last_check_at:ts? failed_reasons:[str]?"
    " next_action:text",
    "Risk": "id:uuid ticket_id:uuid risk_type:text risk_description:text conditions:str? risk_expiry_date:ts?"
    " requires_followup:bool followup_date:ts? status:text resolved_at:ts? resolved_by:str? resolution_notes:str?"
    " accepted_by:uuid accepted_at:ts created_at:ts",
    "ListedRisk": "id:uuid status:text ticket_uid:text ticket_title:text project_name:str?",
    "RiskCounts": "active:int resolved:int expired:int escalated:int",
    "Trends": "timestamp:ts group_by:text total_count:int result_count:int",
    "Gates": "can_handover:bool blocking_issues:[Blocker] warnings:[str] gates_passed:[Gate] gates_failed:[Gate]",
    "Blocker": "gate_name:text severity:text message:text resolution_hint:text",
    "Gate": "gate_name:text passed:bool required:bool message:text",
    "Snapshot": "id:uuid ticket_id:uuid handover_type:text snapshot_data:SnapshotData evidence_links:[Link]"
    " decisions:[Decision] guarantee_status:str? from_owner_type:str? from_owner_id:str? to_owner_type:str?"
    " to_owner_id:str? handover_at:ts handover_by:uuid is_locked:bool created_at:ts",
    "SnapshotData": "ticket_uid title description status priority ticket_type dr_number project_id zone_id pole_number"
    " pon_number address ont_serial ont_rx_level ont_model assigned_to assigned_contractor_id assigned_team qa_ready"
    " qa_readiness_check_at fault_cause fault_cause_details verification_steps_completed:int"
    " verification_steps_total:int snapshot_timestamp:text",
    "Link": "type:text step_number:int? url:str filename:text uploaded_at:text uploaded_by:str?",
    "Decision": "decision_type:text decision_by:str? decision_at:text notes:str? metadata:obj?",
    "History": "ticket_id:uuid ticket_uid:text handovers:[Snapshot] total_handovers:int current_owner_type:str?"
    " current_owner_id:str?",
    "Pending": "ticket_id:uuid ticket_uid:text title:text status:text project_name:str? current_owner:str?"
    " pending_handover_type:text gate_status:GateStatus blockers:[str] can_handover:bool",
    "GateStatus": "passed:int total:int",
    "PendingSummary": "ready_for_handover:int blocked:int by_type:PendingTypes",
    "PendingTypes": "BUILD_TO_QA:int QA_TO_MAINTENANCE:int MAINTENANCE_COMPLETE:int",
    "Note": "id:uuid ticket_id:uuid content:text note_type:text visibility:text created_by:str? created_at:ts"
    " updated_at:ts is_resolution:bool attachments:[str]? author_name:str? author_email:str?",
    "Notes": "notes:[Note] summary:NoteSummary",
    "NoteSummary": "total:int private:int public:int",
    "Activity": "id:str type:text description:str? field_changes:[FieldChange]? created_by:Author? created_at:ts"
    " source:text is_private:bool is_pinned:bool",
    "FieldChange": "field:text new_value",
    "Author": "name:text",
    "Activities": "activities:[Activity] summary:ActivitySummary has_qcontact:bool",
    "ActivitySummary": "notes:int updates:int messages:int system:int total:int",
    "Attachment": "id:uuid ticket_id:uuid filename:text file_type:str? mime_type:str? file_size:int? storage_path:text"
    " storage_url:str? uploaded_by:str? uploaded_at:ts verification_step_id:str? is_evidence:bool",
    "Upload": "attachment_id:uuid ticket_id:uuid filename:text storage_url:text storage_path:text file_size:int"
    " mime_type:text uploaded_at:ts",
    "Attachments": "attachments:[Attachment] total:int total_size_bytes:int by_file_type:FileTypes evidence_count:int",
    "FileTypes": "photo:int pdf:int document:int excel:int",
    "Escalation": "id:uuid scope_type:text scope_value:text project_id:str? fault_count:int fault_threshold:int"
    " contributing_tickets:[uuid] escalation_ticket_id:str? escalation_type:str? status:text resolution_notes:str?"
    " resolved_at:ts? resolved_by:str? created_at:ts",
    "Pattern": "pattern_detected:bool scope_type:text scope_value:text fault_count:int threshold:int"
    " contributing_tickets:[Fault] should_escalate:bool existing_escalation_id:str? recommendation:text",
    "Fault": "ticket_id:uuid ticket_uid:text created_at:ts fault_cause:str? status:text",
    "Thresholds": "timestamp:ts defaults_used:UsedDefaults default_thresholds:DefaultThresholds",
    "UsedDefaults": "threshold:bool time_window_days:bool",
    "DefaultThresholds": "pole_threshold:int pon_threshold:int zone_threshold:int dr_threshold:int"
    " time_window_days:int",
    "Started": "id:uuid report_id:uuid report_uid:text status:text total_rows:int message:text",
    "Preview": "filename:text selected_sheet:text available_sheets:[Sheet] headers:[str] total_rows:int"
    " skipped_rows:int valid_rows:int invalid_rows:int can_proceed:bool sample_rows:list"
    " validation_errors:[RowProblem] column_mapping:[Column]",
    "Sheet": "name:text rows:int hasTicketColumns:bool",
    "RowProblem": "row_number:int severity:text field_name:str? message:text",
    "Column": "excel_column:text ticket_field:text required:bool",
    "Report": "id:uuid report_uid:text week_number:int year:int report_date:text original_filename:text status:text"
    " total_rows:int imported_count:int skipped_count:int error_count:int progress_percentage:num"
    " estimated_time_remaining_seconds:num? current_batch:int total_batches:int errors:[RowError] created_at:ts"
    " imported_at:ts? imported_by:str?",
    "RowError": "row_number:int error_type:text error_message:text field_name:str? row_data",
    "ImportProgress": "id:uuid status:text total_rows:int imported_count:int skipped_count:int error_count:int"
    " progress_percentage:num estimated_time_remaining_seconds:num? current_batch:int total_batches:int"
    " errors:[RowError]",
    "ImportHistory": "reports:[ListedReport] total:int by_status:ImportStatuses total_imported_tickets:int",
    "ListedReport": "id:uuid report_uid:text week_number:int year:int report_date:text original_filename:text"
    " file_path:str total_rows:int imported_count:int skipped_count:int error_count:int errors:[RowError] status:text"
    " imported_at:ts? imported_by:str? created_at:ts",
    "ImportStatuses": "pending:int processing:int completed:int failed:int",
    "WholeHistory": "stats:ImportStats",
    "ImportStats": "total_imports:int successful_imports:int failed_imports:int total_tickets_imported:int"
    " avg_tickets_per_import:num avg_import_duration_seconds:num? last_import_date:ts?",
    "Sync": "sync_result:SyncResult summary:SyncSummary",
    "SyncResult": "started_at:ts completed_at:ts duration_seconds:num inbound_stats:SyncStats outbound_stats:SyncStats"
    " total_success:int total_failed:int success_rate:rate errors:[SyncError]",
    "SyncStats": "total_processed:int successful:int failed:int partial:int skipped:int created:int updated:int",
    "SyncError": "ticket_id qcontact_ticket_id sync_type:text error_message:text error_code:text timestamp:ts"
    " recoverable:bool",
    "SyncSummary": "direction:text duration_seconds:num total_success:int total_failed:int success_rate:rate"
    " inbound:SyncIn outbound:SyncOut",
    "SyncIn": "processed:int successful:int failed:int created:int updated:int",
    "SyncOut": "processed:int successful:int failed:int",
    "SyncStatus": "last_sync:LastSync? last_24h:LastDay last_7d:LastWeek health:Health last_sync_at:ts?"
    " last_sync_status:str? last_sync_duration_seconds:num? pending_outbound:int pending_inbound:int"
    " failed_last_24h:int success_rate_last_7d:num is_healthy:bool health_issues:[str]",
    "LastSync": "synced_at:ts status:text sync_type:text sync_direction:text",
    "LastDay": "total:int successful:int failed:int partial:int success_rate:rate",
    "LastWeek": "by_direction:obj",
    "Health": "is_healthy:bool health_issues:[str]",
    "SyncLog": "logs:[SyncLogRow] stats:SyncLogStats total:int by_direction:obj by_status:obj success_rate:num",
    "SyncLogStats": "by_direction:obj by_status:obj success_rate:num",
    "SyncLogRow": "id:uuid ticket_id:str? qcontact_ticket_id:str? sync_direction:text sync_type:text request_payload"
    " response_payload status:text error_message:str? synced_at:ts",
    "Cron": "job_id:uuid status:text started_at:ts completed_at:ts duration_seconds:num summary:CronSummary?"
    " error_message:str? error_code:str?",
    "CronSummary": "total_processed:int total_success:int total_failed:int success_rate:rate inbound:obj outbound:obj",
    "Received": "event:text ticket_id:text processed:bool fibreflow_ticket_id:str? error:str? received_at:ts",
    "Sent": "id:uuid ticket_id:str? recipient_type:text recipient_phone:text recipient_name:str? status:text"
    " waha_message_id:str? sent_at:ts? created_at:ts",
    "NoticeState": "notification_id:uuid ticket_id:str? status:text sent_at:ts? delivered_at:ts? read_at:ts?"
    " error_message:str? retry_count:int can_retry:bool",
    "Notices": "notifications:[Notice] total:int by_status:NoticeStatuses delivery_rate:num",
    "NoticeStatuses": "pending:int sent:int delivered:int read:int failed:int",
    "Notice": "id:uuid ticket_id:str? recipient_type:text recipient_phone:text recipient_name:str?"
    " message_template:str? message_content:text status:text waha_message_id:str? sent_at:ts? delivered_at:ts?"
    " read_at:ts? error_message:str? created_at:ts",
    "Summary": "total_tickets:int by_status:obj sla_compliance:Compliance overdue_tickets:int"
    " avg_resolution_hours:num?",
    "Compliance": "total:int met:int breached:int compliance_rate:num",
    "Sla": "total_tickets:int sla_met:int sla_breached:int compliance_rate:num compliance_percentage:text",
    "Workload": "assigned_to:str? assignee_name:text ticket_count:int overdue_count:int",
    "Drop": "dr_number:text pole_number:str? pon_number:num? zone_number:num? project_id:str? project_name:str?"
    " project_code:str? address:str? latitude:num? longitude:num? municipality:str? cable_type:str? cable_length:str?"
    " status:str?",
    "Team": "id:uuid name:text description:str? team_type:text lead_user_id:str? contractor_id:str? is_active:bool"
    " created_at:ts updated_at:ts lead_user:Person? member_count:int",
    "TeamChoice": "id:uuid name:text type:text team_type:text member_count:int lead_name:str?",
    "TeamWithMembers": "id:uuid members:[Member]",
    "Member": "id:uuid team_id:uuid user_id:str? contractor_id:str? first_name:text last_name:text email:str?"
    " phone:str? role:str? skill_level:str? is_active:bool is_team_lead:bool created_at:ts updated_at:ts",
    "User": "id:uuid name:text email:str? role:str? department:str?",
    "Status": "id:uuid code:text name:text description:str? parent_id:str? color:str icon:str display_order:int"
    " is_active:bool is_terminal:bool qcontact_status:str?",
}
# fmt: on
