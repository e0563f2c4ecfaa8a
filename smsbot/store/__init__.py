"""The database: tables, transactions, migrations. SQLAlchemy Core on SQLite and PostgreSQL."""
