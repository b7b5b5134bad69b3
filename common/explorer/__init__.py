"""The pages of app.py."""
