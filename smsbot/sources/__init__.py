"""Reads appointments from RDV Service Public's webhook and API and from files. It only parses, without a database.

`rdvsp` reads RDV Service Public's webhooks and records; `rdvsp_payloads` has their fields. `files` reads a file in JSON
or CSV, `csv_appointments` the CSV, whose rows `csv_tables` finds. `file_lines` are the results. `texts` and `times`
clean the values.
"""
