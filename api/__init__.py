"""The read path over HTTP for institutions, patients and auditors."""
