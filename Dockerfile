# An image with one static binary, its configuration and the CA certificates for checks over TLS.
#
#   docker build -t livezone .
#   docker run -d --name livezone -p 53:53/udp -p 53:53/tcp -v "$PWD/zones:/zones:ro" livezone
#
# To build without a registry, use your own image, --build-arg BUILD_IMAGE=…, with cargo, a C compiler
# for musl and Rust's musl target: see deploy/README.md.

# The version of rust-toolchain.toml; tests/repository holds them together.
ARG BUILD_IMAGE=rust:1.95-bookworm
ARG RUN_IMAGE=scratch

FROM ${BUILD_IMAGE} AS build
WORKDIR /src
# ring needs a C compiler. Nothing is fetched that is already there.
RUN if ! command -v musl-gcc >/dev/null; then \
        apt-get update \
        && apt-get install -y --no-install-recommends ca-certificates musl-tools \
        && rm -rf /var/lib/apt/lists/*; \
    fi; \
    if command -v rustup >/dev/null; then rustup target add "$(uname -m)-unknown-linux-musl"; fi

# The dependencies, in a layer that only Cargo.toml and Cargo.lock can spoil. Cargo wants every file
# that Cargo.toml names, so this package is one of its own, which says of the dependencies the same.
WORKDIR /deps
COPY Cargo.toml Cargo.lock ./
RUN awk '/^\[/ { table = $0 } \
        table ~ /dependencies|^\[(features|patch|profile)/ \
        || table == "[package]" && /^(\[|name|version|edition|resolver)/' Cargo.toml >only \
    && mv only Cargo.toml \
    && mkdir src && touch src/lib.rs && echo 'fn main() {}' >src/main.rs \
    && cargo build --locked --release --target "$(uname -m)-unknown-linux-musl" --target-dir /src/target

# Benches, tests and examples are no part of the image, so their tables leave Cargo.toml. All else
# that it names is needed, and has to be copied: tests/image/run fails until it is.
WORKDIR /src
COPY Cargo.toml Cargo.lock ./
COPY src src
RUN awk '/^\[/ { left_out = /^\[\[(bench|example|test)\]\]/ } !left_out' Cargo.toml >only \
    && mv only Cargo.toml \
    && cargo build --locked --release --target "$(uname -m)-unknown-linux-musl" \
    && mkdir -p /out/zones /out/state \
    && install -s "target/$(uname -m)-unknown-linux-musl/release/livezone" /out/livezone

FROM ${RUN_IMAGE}
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY deploy/container/livezone.toml /etc/livezone/livezone.toml
COPY --from=build /out/zones /zones
COPY --from=build --chown=65532:65532 /out/state /state
COPY --from=build /out/livezone /livezone
ENV LIVEZONE_CONFIG=/etc/livezone/livezone.toml
# A numeric user, so that Kubernetes can see that it is not root. Port 53 needs no capability: Docker
# sets net.ipv4.ip_unprivileged_port_start to 0 in the container's network. With other engines set it
# yourself, or listen on a higher port.
USER 65532:65532
VOLUME ["/zones", "/state"]
# 8500: the whole API, by default only on the container's loopback. 8501: health and metrics.
EXPOSE 53/udp 53/tcp 8500/tcp 8501/tcp
# Exit code 0 when the server answers. The image has no other program that could check it.
HEALTHCHECK --interval=5s --timeout=3s --start-period=10s --retries=3 CMD ["/livezone", "status"]
ENTRYPOINT ["/livezone"]
CMD ["serve"]
