# All four programs in one image, which runs as nobody in particular, with a read-only root:
#   docker build -t fraiseql-observers .
ARG BASE=debian:trixie-slim

FROM ${BASE} AS build
WORKDIR /src
COPY scripts/lib.sh scripts/packages scripts/
RUN scripts/packages build
COPY . .
# A newer compiler may know warnings that ours does not: no reason to fail here.
RUN cmake --preset release -DCMAKE_COMPILE_WARNING_AS_ERROR=OFF \
 && cmake --build --preset release --target pg2nats-bridge-program executor-program healthd-program fraiseql-program \
 && mkdir /programs && cp build/release/bin/* /programs/ && strip --strip-unneeded /programs/*
# The packages that hold the libraries which the programs are linked to, whatever this Debian calls them.
RUN ldd /programs/* | awk '$2 == "=>" && $3 ~ "^/" { print $3 }' | sort -u | xargs -n 1 realpath \
 | sed 's|^/usr||; s|^|*|' | xargs dpkg-query -S | cut -d: -f1 | sort -u > /runtime-packages

FROM ${BASE}
COPY --from=build /runtime-packages /tmp/runtime-packages
RUN apt-get update \
 && xargs apt-get install -y --no-install-recommends ca-certificates < /tmp/runtime-packages \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/apt /var/log/dpkg.log /tmp/runtime-packages \
 && groupadd --gid 10001 fraiseql && useradd --no-create-home --uid 10001 --gid 10001 --shell /usr/sbin/nologin fraiseql
COPY --from=build /programs/ /usr/local/bin/
USER 10001
# fraiseql-observer.toml and fraiseql.toml are looked for here.
WORKDIR /etc/fraiseql
# Bridge and executors end themselves when they make no progress; where none but those run, switch this off.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD ["healthd", "--probe"]
CMD ["fraiseql", "run"]
