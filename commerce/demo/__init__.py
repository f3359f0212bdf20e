"""The demo shop: half a year in the life of a phone brand that does not exist.

Owns      the folder `shop/` in exchange format, the seeded program that writes it, what goes with what in it, and how
          often it should.
Does not  know the rest of the house: it imports nothing of ours, and speaks only through its files and its pairings.
Promises  the same bytes from every run on every Python; every rule of the exchange format obeyed.
Tells     nothing; whoever imports `shop/` does.

The story. Skerrin names its things after birds: Tern, Plover and Wren are phones, Lapwing is a watch, Chirp are
earbuds, Roost is the smart home. It sells in Germany (euro, tax included) and in the United States (dollars, 8 %
sales tax on top), in each through a web shop and two stores; one warehouse in Kassel stands behind Germany, while
the American web shop ships from its stores. The half-year is May to October 2026:

- The Tern 2 runs out: cut in May, gone at the end of June. The Wren 2 is a draft, with a price from 19 November.
- On 3 August the Tern 3 becomes cheaper in both markets, and more people come.
- For two weeks in September watches and earbuds are 10 % off; in October a case bought with a phone is 20 % off.
- Stores fit the Tide Glass at the counter, so nearly half of their phones leave with one; on the web few do.
- Who buys a phone comes back: for a case, a charger, a watch, days or weeks later, often in the other channel.
"""
