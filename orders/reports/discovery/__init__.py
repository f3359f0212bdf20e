"""Discovery: what sells together more often than chance makes it, and what sells in one kind of channel only.

Owns      no table; it reads the reports' facts.
Does not  know why anything is so: a pair that is found is worth a look, and a program is what somebody makes of it.
Promises  every test that was made is counted in the guard, those that found nothing too.
Tells     nothing.
"""
