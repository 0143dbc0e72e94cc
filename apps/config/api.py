"""REST of S10, under /api/v1: the active release, and the check of a bundle's text."""

from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.permissions import BasePermission, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from chimera.errors import NotFound

from .core.loading import MAX_BYTES
from .models import Release
from .selectors import release_active
from .services import bundle_check


class MayRelease(BasePermission):
    message = "this needs the permission config.add_release"

    def has_permission(self, request: Request, view: APIView) -> bool:
        return bool(request.user.has_perm("config.add_release"))


class MayViewReleases(BasePermission):
    message = "this needs the permission config.view_release"

    def has_permission(self, request: Request, view: APIView) -> bool:
        return bool(request.user.has_perm("config.view_release"))


class ReleaseOutput(serializers.ModelSerializer):
    class Meta:
        model = Release
        fields = [
            "generation",
            "bundle_hash",
            "name",
            "state",
            "actor",
            "reason",
            "created_at",
            "announced_at",
        ]
        read_only_fields = fields


class BundleInput(serializers.Serializer):
    text = serializers.CharField(
        max_length=MAX_BYTES, trim_whitespace=False, help_text="the bundle as YAML"
    )


class FindingOutput(serializers.Serializer):
    level = serializers.CharField()
    path = serializers.CharField(allow_blank=True)
    rule = serializers.CharField()
    message = serializers.CharField()


class CheckedBundleOutput(serializers.Serializer):
    name = serializers.CharField(source="bundle.name")
    bundle_hash = serializers.CharField()
    warm_up_bars = serializers.IntegerField()
    findings = FindingOutput(many=True)


class ActiveReleaseView(APIView):
    permission_classes = [IsAuthenticated, MayViewReleases]

    @extend_schema(operation_id="active_release", responses=ReleaseOutput)
    def get(self, request: Request) -> Response:
        """Return the active release."""
        release = release_active()
        if release is None:
            raise NotFound("no bundle is active")
        return Response(ReleaseOutput(release).data)


class BundlesView(APIView):
    permission_classes = [IsAuthenticated, MayRelease]

    @extend_schema(operation_id="check_bundle", request=BundleInput, responses=CheckedBundleOutput)
    def post(self, request: Request) -> Response:
        """Check a bundle; nothing is stored. A refused one answers 422 with all findings."""
        given = BundleInput(data=request.data)
        given.is_valid(raise_exception=True)
        checked = bundle_check(given.validated_data["text"])
        return Response(CheckedBundleOutput(checked).data)


urlpatterns = [
    path("active", ActiveReleaseView.as_view(), name="config-active"),
    path("bundles", BundlesView.as_view(), name="config-bundles"),
]
