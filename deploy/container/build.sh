#!/usr/bin/env bash
# Builds the container image for every processor, and its list of parts (SBOM), with
# buildah and without a daemon. make image calls it from the module's root:
#
#   dist/longwire-image.tar   OCI archive of all processors: skopeo copy --all oci-archive:…
#   dist/longwire-ARCH.tar    for one processor: docker load -i …
#   dist/longwire-ARCH.cdx.json   CycloneDX: the modules in the program, the certificates
set -euo pipefail
: "${ARCHS:=amd64 arm64}" "${VERSION:=dev}" "${COMMIT:=unknown}"

command -v buildah >/dev/null || {
	echo "buildah is needed: apt-get install buildah, or: docker buildx build -f deploy/container/Containerfile dist" >&2
	exit 1
}

# What stands in the image beside the program.
certificates=${SSL_CERT_FILE:-/etc/ssl/certs/ca-certificates.crt}
rm -rf dist/container
mkdir -p dist/container/empty
cp "$certificates" dist/container/ca-certificates.crt
echo 'longwire:x:65532:65532::/data:/sbin/nologin' >dist/container/passwd

# Images are kept beside what they are made of, and need no privileges and no daemon.
storage=$(mktemp -d)
trap 'rm -rf "$storage"' EXIT
tool() { buildah --root "$storage/root" --runroot "$storage/run" --storage-driver vfs "$@"; }

tool manifest create longwire >/dev/null
for arch in $ARCHS; do
	# Docker's format, since OCI's knows no health check.
	tool build --quiet --isolation chroot --format docker --timestamp 0 \
		--platform "linux/$arch" --build-arg "TARGETARCH=$arch" \
		--build-arg "VERSION=$VERSION" --build-arg "COMMIT=$COMMIT" \
		--tag "localhost/longwire:$arch" -f deploy/container/Containerfile dist >/dev/null
	tool manifest add longwire "localhost/longwire:$arch" >/dev/null
	rm -f "dist/longwire-$arch.tar"
	tool push --quiet "localhost/longwire:$arch" "docker-archive:dist/longwire-$arch.tar:longwire:latest"
done
rm -f dist/longwire-image.tar
tool manifest push --quiet --all --format v2s2 longwire "oci-archive:dist/longwire-image.tar:longwire:$VERSION" >/dev/null

for arch in $ARCHS; do
	go run ./deploy/sbom "dist/linux/$arch/longwire" dist/container/ca-certificates.crt >"dist/longwire-$arch.cdx.json"
done
ls -l dist/longwire-*.tar dist/longwire-*.cdx.json
