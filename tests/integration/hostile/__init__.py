"""Attacks on a live server that must cost their sender something and nobody else anything.

Where each threat to a query API over the wire is tried, by a client that is none of ours:

* A field that is never returned, told by filters, orders, aggregates, annotations or the plans
  within: ``test_doors``, ``test_plans``; under another name, by position or as text, and in the
  words of errors: ``test_disguises``.
* Rows of another tenant, forged references, rows moved out of scope or into it: ``test_tenants``,
  ``test_instances``.
* Hooks of permissions at every door: ``test_hooks``.
* A condition that is dropped, ``_connector`` and ``_negated``, names that become SQL, functions and
  types of any name, mass assignment: ``test_plans``, ``test_doors``, ``test_disguises``.
* What costs more than it looks: ``test_plans``, ``test_costs``, and floods: ``test_floods``.
* Calls that are made again: ``test_replays``.
* Introspection: ``test_disguises`` looks through the schema, ``test_calls`` for attributes.
* Bodies that no serializer made, and serializers that a header chooses: ``test_bodies``.
"""
