"""Django REST framework over remote models."""

from __future__ import annotations

from typing import Any

import pytest
from rest_framework import generics, mixins, serializers, viewsets
from rest_framework.exceptions import ErrorDetail
from rest_framework.pagination import (
    CursorPagination,
    LimitOffsetPagination,
    PageNumberPagination,
)
from rest_framework.test import APIRequestFactory

from chunnel import remote
from chunnel.test import assertNumRPCs

library = remote.economy.library
requests = APIRequestFactory()


class PublisherSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    country = serializers.CharField()


class BookSerializer(serializers.Serializer[Any]):
    isbn = serializers.CharField()
    title = serializers.CharField()
    price = serializers.DecimalField(max_digits=8, decimal_places=2)
    genre_label = serializers.CharField(source="get_genre_display")
    publisher = PublisherSerializer()
    authors = serializers.SlugRelatedField("name", many=True, read_only=True)
    tags = serializers.PrimaryKeyRelatedField(many=True, read_only=True)


class TagSerializer(serializers.Serializer[Any]):
    slug = serializers.CharField()
    label = serializers.CharField()

    def update(self, instance: Any, validated_data: dict[str, Any]) -> Any:
        for name, value in validated_data.items():
            setattr(instance, name, value)
        instance.save()
        return instance


def detailed() -> Any:
    return (
        library.Book.objects.order_by("isbn")
        .select_related("publisher")
        .prefetch_related("authors", "tags")
    )


def answered(view: Any, query: str = "", **kwargs: Any) -> Any:
    response = view(requests.get(f"/{query}"), **kwargs)
    return response.render().data


def test_an_instance_with_its_relations_is_one_request() -> None:
    with assertNumRPCs(1):
        found = BookSerializer(detailed().get(pk="9780000000001")).data
    assert found == {
        "isbn": "9780000000001",
        "title": "A book 01",
        "price": "4.49",
        "genre_label": "Poetry",
        "publisher": {"name": "Blotter", "country": "GB"},
        "authors": ["Émile", "Hana"],
        "tags": ["rare"],
    }


def test_a_list_with_its_relations_is_one_request() -> None:
    with assertNumRPCs(1):
        found = BookSerializer(detailed()[1:4], many=True).data
    assert [book["publisher"]["name"] for book in found] == ["Blotter", "Caxton", "Dusk"]


def test_a_relation_that_was_not_fetched_is_an_error() -> None:
    """It says how to fetch it, and no request is made in silence."""
    book = library.Book.objects.get(pk="9780000000001")
    with assertNumRPCs(0), pytest.raises(AttributeError, match=r"select_related\('publisher'\)"):
        BookSerializer(book).data


def test_a_manager_is_a_list() -> None:
    with assertNumRPCs(1):
        assert len(TagSerializer(library.Tag.objects.all(), many=True).data) == 4


class Books(generics.ListAPIView[Any]):
    queryset = library.Book.objects.order_by("isbn")
    serializer_class = PublisherSerializer

    def get_serializer_class(self) -> Any:
        return BookSerializer

    def get_queryset(self) -> Any:
        found = super().get_queryset()
        return found.select_related("publisher").prefetch_related("authors", "tags")


class FirstBooks(Books):
    queryset = library.Book.objects.filter(publisher__isnull=False).order_by("isbn")


class Pages(PageNumberPagination):
    page_size = 5


class Limits(LimitOffsetPagination):
    default_limit = 5


class Cursors(CursorPagination):
    page_size = 5
    ordering = "isbn"


@pytest.mark.parametrize(("pages", "query"), [(Pages, "?page=2"), (Limits, "?limit=5&offset=5")])
def test_pages_of_a_list(pages: Any, query: str) -> None:
    """One request counts, the other fetches the page with its relations."""
    view = FirstBooks.as_view(pagination_class=pages)
    with assertNumRPCs(2):
        found = answered(view, query)
    assert found["count"] == 20
    assert [book["isbn"][-2:] for book in found["results"]] == ["07", "08", "09", "10", "11"]


def test_cursors() -> None:
    """Nothing is counted: a page is one request."""
    view = FirstBooks.as_view(pagination_class=Cursors)
    with assertNumRPCs(1):
        first = answered(view)
    assert [book["isbn"][-2:] for book in first["results"]] == ["01", "02", "03", "04", "05"]
    with assertNumRPCs(1):
        second = answered(view, f"?{first['next'].partition('?')[2]}")
    assert [book["isbn"][-2:] for book in second["results"]] == ["07", "08", "09", "10", "11"]


class Tags(viewsets.ModelViewSet[Any]):
    queryset = library.Tag.objects.order_by("slug")
    serializer_class = TagSerializer
    pagination_class = None


class TestViewsets:
    """Detail, change and deletion, through the same classes as of local models."""

    def test_one(self) -> None:
        with assertNumRPCs(1):
            found = answered(Tags.as_view({"get": "retrieve"}), pk="rare")
        assert found == {"slug": "rare", "label": "Rare"}

    def test_none(self) -> None:
        with assertNumRPCs(1):
            found = answered(Tags.as_view({"get": "retrieve"}), pk="?")
        assert found == {"detail": ErrorDetail("No Tag matches the given query.", "not_found")}

    def test_all(self) -> None:
        with assertNumRPCs(1):
            found = answered(Tags.as_view({"get": "list"}))
        assert [each["slug"] for each in found] == ["classic", "loud", "new", "rare"]

    def test_change_and_delete(self) -> None:
        """One request finds it, one saves the fields that changed, one deletes."""
        library.Tag.objects.create(slug="passing", label="Passing")
        view = Tags.as_view({"patch": "partial_update", "delete": "destroy"})
        with assertNumRPCs(2):
            changed = view(requests.patch("/", {"label": "Past"}, format="json"), pk="passing")
        assert changed.data == {"slug": "passing", "label": "Past"}
        with assertNumRPCs(2):
            assert view(requests.delete("/"), pk="passing").status_code == 204
        assert not library.Tag.objects.filter(slug="passing").exists()


class TestModelSerializer:
    """Fields of the model by name, as ``_meta`` describes them."""

    def test_columns_and_relations(self) -> None:
        class LoanSerializer(serializers.ModelSerializer[Any]):
            class Meta:
                model = library.Loan
                fields = ("id", "book", "reader", "number", "due", "returned")

        with assertNumRPCs(1):
            found = LoanSerializer(library.Loan.objects.order_by("desk", "number")[:1], many=True)
            [loan] = found.data
        assert loan == {
            "id": "00000000-0000-0000-0000-000000000001",
            "book": "9780000000000",
            "reader": "Ada",
            "number": 0,
            "due": "2025-03-30T00:30:00Z",
            "returned": None,
        }
        fields = LoanSerializer().fields
        assert isinstance(fields["due"], serializers.DateTimeField)
        assert isinstance(fields["book"], serializers.PrimaryKeyRelatedField)
        assert (fields["reader"].max_length, fields["returned"].required) == (50, False)

    def test_relations_to_many_and_from_others(self) -> None:
        class AuthorSerializer(serializers.ModelSerializer[Any]):
            shouted = serializers.CharField(read_only=True)  # a property, and no field

            class Meta:
                model = library.Author
                fields = ("name", "mentor", "books", "pupils", "shouted")

        authors = library.Author.objects.prefetch_related("books", "pupils")
        with assertNumRPCs(1):
            found = AuthorSerializer(authors.get(name="Ada")).data
        assert found["shouted"] == "ADA"
        assert len(found["books"]) == 4
        assert found["pupils"] == [3, 4]

    def test_a_relation_to_many_of_its_own(self) -> None:
        """It can be written where the remote says so."""

        class BookSerializer(serializers.ModelSerializer[Any]):
            class Meta:
                model = library.Book
                fields = ("isbn", "tags", "authors")

        book = library.Book.objects.prefetch_related("tags", "authors").get(pk="9780000000001")
        with assertNumRPCs(0):
            found = BookSerializer(book).data
        assert set(found["tags"]) == {tag.slug for tag in book.tags.all()}
        fields = BookSerializer().fields
        assert not fields["tags"].read_only
        assert fields["authors"].read_only

    def test_all_fields(self) -> None:
        class BookModelSerializer(serializers.ModelSerializer[Any]):
            class Meta:
                model = library.Book
                fields = "__all__"

        books = library.Book.objects.prefetch_related("authors", "tags")
        with assertNumRPCs(1):
            found = BookModelSerializer(books.get(pk="9780000000001")).data
        assert set(found) == {
            field.name for field in (*library.Book._meta.fields, *library.Book._meta.many_to_many)
        }
        assert (found["price"], found["publisher"], found["tags"]) == ("4.49", 2, ["rare"])

    def test_writing(self) -> None:
        class TagModelSerializer(serializers.ModelSerializer[Any]):
            class Meta:
                model = library.Tag
                fields = ("slug", "label")

        given = TagModelSerializer(data={"slug": "passing", "label": "x" * 51})
        with assertNumRPCs(1):  # whether the slug is taken
            assert not given.is_valid()
        assert set(given.errors) == {"label"}
        given = TagModelSerializer(data={"slug": "passing", "label": "Passing"})
        with assertNumRPCs(2):
            assert given.is_valid()
            made = given.save()
        assert made == library.Tag.objects.get(pk="passing")
        made.delete()


def test_views_that_make_something() -> None:
    """The mixins call what the serializer defines."""

    class Making(TagSerializer):
        def create(self, validated_data: dict[str, Any]) -> Any:
            return library.Tag.objects.create(**validated_data)

    class View(mixins.CreateModelMixin, generics.GenericAPIView[Any]):
        serializer_class = Making
        post = mixins.CreateModelMixin.create

    with assertNumRPCs(1):
        made = View.as_view()(requests.post("/", {"slug": "passing", "label": "P"}, format="json"))
    assert made.status_code == 201
    library.Tag.objects.filter(slug="passing").delete()
