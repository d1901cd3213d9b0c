"""Form fields for the keys of remote rows.

The rules:

* ``RemoteKeyField``, the default, is an input for the key. To show it makes no request; to
  validate a key makes one, unless it is the one that the form was shown with.
* ``RemoteChoiceField`` is a choice among the rows of a remote queryset, for who asks for it. To
  show it makes one request. Where nobody answers it is an input for the key and says so, so that a
  page is shown and posted as without.
* A key that cannot be checked because nobody answers is not valid, and the error says that.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from django import forms
from django.core.exceptions import ValidationError
from django.forms.models import ModelChoiceIterator
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from ..exceptions import CallError, ServerBusy

if TYPE_CHECKING:
    from ..client.querysets import RemoteQuerySet

    _ChoiceField = forms.ModelChoiceField[Any]
else:
    _ChoiceField = forms.ModelChoiceField

UNREACHABLE = (CallError, ServerBusy)
"""What is raised where nobody answers, or not now."""

_ERRORS: dict[str, Any] = {
    "invalid_choice": _("%(model)s with %(field)s %(value)s does not exist."),
    "unreachable": _("%(remote)s does not answer, so nobody knows whether %(value)s exists."),
}


class RemoteKeyField(forms.Field):
    """An input for the key of a remote row; ``cleaned_data`` has the key.

    ``queryset`` are the rows it may lead to, ``to_field_name`` says which field is the key, and
    ``key`` is a form field that knows its type.
    """

    default_error_messages = _ERRORS

    def __init__(
        self,
        queryset: RemoteQuerySet,
        *,
        to_field_name: str | None = None,
        key: forms.Field | None = None,
        **kwargs: Any,
    ):
        self.queryset = queryset
        self.to_field_name = to_field_name or "pk"
        self.key = key if key is not None else forms.IntegerField()
        self.key.required = False  # that is judged here
        kwargs.setdefault("widget", self.key.widget)
        super().__init__(**kwargs)

    def to_python(self, value: Any) -> Any:
        found = self.key.to_python(value)
        return None if found in self.empty_values else found

    def prepare_value(self, value: Any) -> Any:
        if getattr(type(value), "_chunnel_class", None) is not None:
            value = getattr(value, self.to_field_name)
        return self.key.prepare_value(value)

    def clean(self, value: Any) -> Any:
        """Return the key; raise ValidationError if it leads nowhere."""
        found = self._cleaned(value)
        if found is not None:
            self._look_for(found)
        return found

    def _clean_bound_field(self, bf: Any) -> Any:
        """Return the key that Django's form has; one that did not change is not looked for."""
        if self.disabled:
            return bf.initial
        found = self._cleaned(bf.data)
        if found is not None and self.has_changed(bf.initial, bf.data):
            self._look_for(found)
        return found

    def _cleaned(self, value: Any) -> Any:
        found = self.to_python(value)
        self.validate(found)
        self.key.run_validators(found)
        self.run_validators(found)
        return found

    def _look_for(self, key: Any) -> None:
        try:
            there = self.queryset.filter(**{self.to_field_name: key}).exists()
        except UNREACHABLE as error:
            raise self._invalid("unreachable", key) from error
        if not there:
            raise self._invalid("invalid_choice", key)

    def _invalid(self, code: str, key: Any) -> ValidationError:
        return _invalid(self, code, key)

    def has_changed(self, initial: Any, data: Any) -> bool:
        return self.key.has_changed(self.prepare_value(initial), data)


def _invalid(field: Any, code: str, key: Any) -> ValidationError:
    model = field.queryset.model
    params = {
        "model": model.__name__,
        "remote": model._chunnel_alias,
        "field": field.to_field_name or "pk",
        "value": key,
    }
    return ValidationError(field.error_messages[code], code=code, params=params)


class RemoteSelect(forms.Select):
    """A select that is an input for the key where the choices cannot be fetched."""

    notice = _("The choices cannot be fetched now. This is the key of the row.")

    def use_required_attribute(self, initial: Any) -> bool:
        try:
            return super().use_required_attribute(initial)
        except UNREACHABLE:
            return True  # of the input that is shown instead

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        try:
            return super().render(name, value, attrs, renderer)
        except UNREACHABLE:
            plain = forms.TextInput(self.attrs).render(name, value, attrs, renderer)
            return format_html('{} <span class="errornote">{}</span>', plain, self.notice)


class _Choices(ModelChoiceIterator):  # type: ignore[type-arg]
    """The choices, fetched once for each form however often it is iterated over."""

    def __iter__(self) -> Iterator[Any]:
        if self.field.empty_label is not None:
            yield ("", self.field.empty_label)
        for row in self.queryset or ():
            yield self.choice(row)


class RemoteChoiceField(_ChoiceField):
    """A choice among remote rows; ``cleaned_data`` has the instance."""

    widget = RemoteSelect
    iterator = _Choices
    default_error_messages = _ERRORS

    def to_python(self, value: Any) -> Any:
        if value in self.empty_values:
            return None
        try:
            return super().to_python(value)
        except UNREACHABLE as error:
            raise _invalid(self, "unreachable", value) from error
        except ValidationError as error:
            raise _invalid(self, "invalid_choice", value) from error
