from sqlalchemy import text
from tests.conftest import NOON
from catalog.browse import browse, BrowseFilter
from catalog.on_sale import on_sale, why_not_sold
from pricing.prices import *
from pricing.tax import *
SQL = """
insert into markets values ('de','EUR','{DE}',true,'Europe/Berlin'),('us','USD','{US}',false,'America/New_York');
insert into channels values ('web-de','online','de','Web');
insert into categories values ('a',null,'A'),('b','a','B'),('c','b','C');
insert into products (code,title) values ('p','P'),('q','Q');
insert into variants (sku,product,name,category,tax_class,attributes,status,brand) values
 ('s1','p','Tern 3 Black','c','standard','{"color":"Black","memory":8}','active','Skerrin'),
 ('s2','p','Tern 3 O''Neil','c','standard','{"color":"Blue"}','active',null),
 ('s3','q','Wren','a','standard',null,'draft',null);
insert into listings values ('web-de','s1','2026-01-01Z',null,null),('web-de','s2','2026-01-01Z','2026-11-03Z','2026-01-01Z'),('web-de','s3','2026-01-01Z',null,null);
insert into recommended_prices values ('s1','de','2026-01-01Z',null,1000);
"""
async def test_x(db):
    async with db.transaction() as tx:
        for s in SQL.split(";"):
            if s.strip(): await tx.execute(text(s.replace(":", "\\:")))
        await seed_tax_rates(tx, "de", ["DE"]); await seed_tax_rates(tx, "us", ["US"]); await seed_tax_rates(tx, "de", ["AT"])
        print(await tax_rates_in_force(tx, ["de","us"], NOON))
        print(await prices_in_force(tx, "de", {"s1","s2"}, NOON))
        r = await on_sale(tx, [("web-de","s1"),("web-de","s2"),("web-de","zz"),("nope","s1")])
        for v in r.values(): print(v, why_not_sold(v,"sku",NOON))
        for f in [dict(), dict(channel="web-de"), dict(channel="web-de",q="ter bl"), dict(q="ter -bl"), dict(q="o'ne"), dict(q='"tern 3" or wren'),dict(q="!! \\ ' :* & |"),dict(q="()"),
           dict(category="b"), dict(attributes=[("color","Black"),("color","Blue"),("memory","8")]), dict(status="draft"), dict(limit=1), dict(after="p"),
           dict(channel="web-de",q="te",category="a",attributes=[("color","Blue")],limit=1)]:
            print(f, [(p.code,[v.sku for v in p.variants]) for p in await browse(tx, BrowseFilter(**f), NOON)])
        print(await browse(tx, BrowseFilter(channel="web-de"), NOON))
