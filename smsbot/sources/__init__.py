"""Reads appointments from RDV Service Public's webhook and API and from files. It only parses; it knows no database.

`rdvsp` reads RDV Service Public's webhooks and records, whose fields are in `rdvsp_payloads`. `files` reads a file of
either kind, `csv_appointments` one in CSV, with the help of `file_lines` and `csv_tables`. `texts`, `times` and
`phone_numbers` clean the values.
"""
