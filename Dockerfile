# A static binary on an empty image, run by nobody in particular.
#
#   docker build -t drawbridge .
#   docker run -p 8080:8080 -v drawbridge:/data -v ./configs:/etc/drawbridge:ro --env-file secrets.env drawbridge
#
# The configuration in the container must listen on all interfaces
# (listen: 0.0.0.0:8080) and keep on the volume whatever the bridge writes:
# store: { driver: bolt, path: /data/drawbridge.db }, audit: { key: /data/audit.key },
# and the paths of file connectors.

# Any image with this Go and a set of CA certificates will do.
ARG BUILDER=golang:1.26

FROM ${BUILDER} AS build
ARG VERSION=container
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -buildvcs=false -trimpath -ldflags "-s -w -X main.version=${VERSION}" \
		-o /image/drawbridge ./cmd/drawbridge \
	# What a bare image lacks: CA certificates, time zones, a user, somewhere to write.
	&& mkdir -p /image/etc/ssl/certs /image/data \
	&& cp /etc/ssl/certs/ca-certificates.crt /image/etc/ssl/certs/ \
	&& cp "$(go env GOROOT)/lib/time/zoneinfo.zip" /image/ \
	&& echo 'drawbridge:x:65532:65532:drawbridge:/data:/drawbridge' >/image/etc/passwd \
	&& echo 'drawbridge:x:65532:' >/image/etc/group \
	&& chown 65532:65532 /image/data \
	&& install -d -m 1777 /image/tmp

FROM scratch
LABEL org.opencontainers.image.title="Drawbridge" \
	org.opencontainers.image.description="A SCIM 2.0 bridge: governance first, then automation" \
	org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /image /
ENV ZONEINFO=/zoneinfo.zip
USER 65532:65532
WORKDIR /data
VOLUME /data
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s \
	CMD ["/drawbridge", "check", "--server", "http://127.0.0.1:8080"]
ENTRYPOINT ["/drawbridge"]
CMD ["serve", "--config", "/etc/drawbridge/drawbridge.yaml"]
