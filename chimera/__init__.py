"""The kernel that every service stands on. It knows no app.

events        what services say to each other
runtime       how cores are driven: live (asyncio) and simulated (virtual clock)
bus, store    transport and record, each with two backends and one contract
lang          the expression language of factors and rules
"""
