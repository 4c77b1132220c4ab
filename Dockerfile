# The image of every role: `docker build -t online-mart .`; which one runs is said by the command (`up --role relay`).

# The compiler that rust-toolchain.toml names. librdkafka is built by configure and make, with the C compiler of this image.
FROM rust:1.95.0-trixie AS build
WORKDIR /shop
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry,sharing=locked \
    --mount=type=cache,target=/shop/target,sharing=locked \
    cargo build --release --locked --package mart --bin mart \
    && cp target/release/mart /mart

# The same Debian, for its C library. Neither OpenSSL nor certificates: those are in the program.
FROM debian:trixie-20260803-slim
LABEL org.opencontainers.image.title="Online Mart" \
      org.opencontainers.image.description="A shop in six services, event-sourced; each role a process" \
      org.opencontainers.image.licenses="MIT"
COPY --from=build /mart /usr/local/bin/mart
# A volume that is mounted there is made with this owner.
RUN install --directory --owner=10001 --group=10001 --mode=0700 /var/lib/online-mart/audit
WORKDIR /
USER 10001:10001
ENV MART_BIND=0.0.0.0
EXPOSE 8000 8001 8002 8003 8004 8005 8006
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=2m --start-interval=1s CMD ["mart", "health"]
ENTRYPOINT ["mart"]
CMD ["up"]
