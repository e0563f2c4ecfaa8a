"""Where appointments come from: RDV Service Public's webhook and pages, and files. Parsing alone, no database."""
