"""The pools that generated customers are made of. Nobody in them exists."""

from __future__ import annotations

FIRST_NAMES: tuple[tuple[str, str, str], ...] = (
    # name, its form in an address, gender
    ("Abbie", "abbie", "Female"), ("Kenneth", "kenneth", "Male"), ("Jürgen", "juergen", "Male"),
    ("Zoë", "zoe", "Female"), ("François", "francois", "Male"), ("Søren", "soren", "Male"),
    ("José", "jose", "Male"), ("Ana", "ana", "Female"), ("Mary Ann", "mary.ann", "Female"),
    ("Łukasz", "lukasz", "Male"), ("Nguyệt", "nguyet", "Female"), ("Yūki", "yuki", "Female"),
    ("Olga", "olga", "Female"), ("Peter", "peter", "Male"), ("Sinéad", "sinead", "Female"),
    ("Björn", "bjoern", "Male"), ("Chloe", "chloe", "Female"), ("Omar", "omar", "Male"),
    ("Priya", "priya", "Female"), ("Wei", "wei", "Male"), ("João", "joao", "Male"),
    ("Inês", "ines", "Female"), ("Marta", "marta", "Female"), ("Tom", "tom", "Male"),
    ("Ayşe", "ayse", "Female"), ("Dmitri", "dmitri", "Male"), ("Ida", "ida", "Female"),
    ("Noah", "noah", "Male"), ("Beyza", "beyza", "Female"), ("Carlos", "carlos", "Male"),
    ("Greta", "greta", "Female"), ("Hugo", "hugo", "Male"),
)  # fmt: skip

LAST_NAMES: tuple[tuple[str, str], ...] = (
    # name, its form in an address
    ("Moss", "moss"), ("Beraun", "beraun"), ("Müller", "mueller"), ("O'Brien", "obrien"),
    ("García Márquez", "garcia"), ("Sørensen", "sorensen"), ("da Silva", "dasilva"),
    ("Smith-Jones", "smith-jones"), ("Nowák", "nowak"), ("Tanaka", "tanaka"), ("Nguyễn", "nguyen"),
    ("Weiß", "weiss"), ("Petrov", "petrov"), ("Okafor", "okafor"), ("Khan", "khan"), ("Rossi", "rossi"),
    ("Lefèvre", "lefevre"), ("Özdemir", "oezdemir"), ("Jansen", "jansen"), ("Andersson", "andersson"),
    ("Brown", "brown"), ("Conceição", "conceicao"), ("Kowalski", "kowalski"), ("Haddad", "haddad"),
    ("Schäfer", "schaefer"), ("Lund", "lund"), ("Patel", "patel"), ("Wójcik", "wojcik"),
    ("Ferreira", "ferreira"), ("Ito", "ito"), ("Dubois", "dubois"), ("Novak", "novak"),
    ("Green", "green"), ("Hughes", "hughes"), ("Castro", "castro"), ("Eriksen", "eriksen"),
    ("Varga", "varga"),
)  # fmt: skip

PLACES: tuple[tuple[str, str, str, str], ...] = (
    # city, state, country, post code
    ("Fairfield", "California", "USA", "10753"), ("Amarillo", "Texas", "USA", "40482"),
    ("München", "Bayern", "Germany", "80331"), ("Köln", "Nordrhein-Westfalen", "Germany", "50667"),
    ("São Paulo", "SP", "Brazil", "01001-000"), ("Curitiba", "PR", "Brazil", "80010-000"),
    ("Zürich", "ZH", "Switzerland", "8001"), ("Malmö", "Skåne", "Sweden", "211 20"),
    ("Łódź", "Łódzkie", "Poland", "90-001"), ("Lyon", "Auvergne-Rhône-Alpes", "France", "69001"),
    ("Boston", "Massachusetts", "USA", "02108"), ("Newark", "New Jersey", "USA", "07102"),
    ("Coimbra", "Coimbra", "Portugal", "3000-001"), ("Ōsaka", "Ōsaka", "Japan", "530-0001"),
    ("Leeds", "West Yorkshire", "United Kingdom", "LS1 1UR"), ("İzmir", "İzmir", "Türkiye", "35000"),
    ("Calgary", "Alberta", "Canada", "T2P 1J9"), ("Graz", "Steiermark", "Austria", "8010"),
    ("Reno", "Nevada", "USA", "89501"),
)  # fmt: skip

STREETS: tuple[str, ...] = (
    "Miller Plaza", "William Prairie", "Hauptstraße", "Rua das Flores", "Elm Street", "Station Road",
    "Rue de l'Église", "Kungsgatan", "Avenida Paulista", "Ringstraße", "Park Lane", "Harbour Walk",
    "Via Roma",
)  # fmt: skip

OCCUPATIONS: tuple[str, ...] = (
    "Software Engineer", "Teacher", "Nurse", "Café owner", "Electrician", "Accountant", "Retired",
    "Student", "Architect", "Chef", "Driver",
)  # fmt: skip

TIERS: tuple[str, ...] = ("high", "medium", "low")

DOMAINS: tuple[str, ...] = (
    # reserved by RFC 2606: nobody can own them, so nothing sent there arrives
    "example.com", "example.org", "example.net", "mail.example.com", "post.example.org",
)  # fmt: skip

MALFORMED: tuple[str, ...] = (
    "{0}", "{0}@", "@example.com", "{0}@@example.com", "{0}@example..com", "{0} x@example.com",
    "{0}@-example.com", "{0}@example", "mailto:{0}@example.com", "{0}@example.com; {0}@example.org",
)  # fmt: skip
