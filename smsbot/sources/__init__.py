"""Reads appointments from RDV Service Public's webhook and API and from files. It only parses; it knows no database."""
