from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="RpcApi",
            fields=[
                ("name", models.CharField(max_length=1, primary_key=True, serialize=False)),
            ],
            options={
                "verbose_name": "RPC API",
                "verbose_name_plural": "RPC API",
                "managed": False,
                "default_permissions": ("view",),
            },
        ),
    ]
