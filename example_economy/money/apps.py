from django.apps import AppConfig


class MoneyConfig(AppConfig):
    name = "example_economy.money"
    label = "money"
