"""What stands outside Laoke in the demo: the mall's mail server, its gateway for messages, its shop with a chat.

One process, which knows Laoke by its addresses alone (`manage.py mall_post` starts it). It really receives; what it does
with a letter is drawn by the letter's own name, so that the same letter has the same fate on every machine.
"""
