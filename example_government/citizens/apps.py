from django.apps import AppConfig


class CitizensConfig(AppConfig):
    name = "example_government.citizens"
    label = "citizens"
