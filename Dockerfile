# Built by `make image` from the directory bin/image: the static program, and an
# empty directory for its data. Nothing is pulled.
FROM scratch
ARG VERSION=dev
ARG REVISION=
LABEL org.opencontainers.image.title="rollcall" \
      org.opencontainers.image.description="service discovery over DNS" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY rollcall LICENSE /
COPY --chown=65532:65532 data /data
# Not root. Port 53 needs no privilege in a container with a network of its own;
# the Docker socket needs --group-add with its group.
USER 65532:65532
ENV ROLLCALL_DNS=0.0.0.0:53 ROLLCALL_HTTP=0.0.0.0:8054
EXPOSE 53/udp 53/tcp 8054/tcp
HEALTHCHECK --interval=10s --timeout=4s --start-period=15s CMD ["/rollcall", "health"]
ENTRYPOINT ["/rollcall"]
CMD ["serve"]
