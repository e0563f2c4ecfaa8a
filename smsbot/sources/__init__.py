"""Where appointments come from:

RDV Service Public's webhook and API, and files. This room only parses; it knows no database.
"""
