"""What reaches outside: the CRM, WhatsApp, workbooks, stored files. Knows the domain's words, holds no SQL."""
