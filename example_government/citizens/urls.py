from django.urls import path

from . import views

app_name = "citizens"
urlpatterns = [
    path("", views.CitizenList.as_view(), name="list"),
    path("citizens/<int:uid>/", views.CitizenDetail.as_view(), name="detail"),
    path("budget/", views.budget, name="budget"),
]
