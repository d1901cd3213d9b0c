from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("", include("example_government.citizens.urls")),
    path("admin/", admin.site.urls),
]
