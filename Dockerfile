# The version of the `node` package in package.json; test/docs.test.ts holds them together.
ARG NODE=node:24.21.0-slim

FROM ${NODE} AS build
WORKDIR /app
# For the native module, which is compiled here and runs below.
RUN apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev
COPY package.json package-lock.json .npmrc ./
COPY native/package.json ./native/
COPY packages/client/package.json ./packages/client/
COPY packages/telegram-emulator/package.json ./packages/telegram-emulator/
RUN npm ci --ignore-scripts
COPY tsconfig.json tsconfig.build.json vite.config.ts ./
COPY scripts ./scripts
COPY native ./native
COPY packages ./packages
COPY src ./src
RUN npm run build

FROM ${NODE}
# A volume takes its owner from the folder it hides: one of root's could not be written.
RUN apt-get update \
  && apt-get install -y --no-install-recommends tini \
  && rm -rf /var/lib/apt/lists/* \
  && install -d -o node -g node /tmp/telestore
WORKDIR /app
# Each thread's arena keeps what it once had: with two the worker stays some 50 MB smaller.
ENV NODE_ENV=production DATA_DIR=/tmp/telestore MALLOC_ARENA_MAX=2
COPY package.json package-lock.json .npmrc ./
COPY native/package.json ./native/
COPY packages/client/package.json ./packages/client/
# Another package under the name `telegram`, such as `npm:teleproto@1.229.0`: docs/teleproto.md.
ARG TELEGRAM_PACKAGE=
RUN npm ci --omit=dev --ignore-scripts \
  && if [ -n "$TELEGRAM_PACKAGE" ]; then \
    npm install --no-save --omit=dev --ignore-scripts "telegram@$TELEGRAM_PACKAGE"; fi \
  && npm cache clean --force
COPY --from=build /app/native/src/aes-ige.c /app/native/src/sha256.c /app/native/src/bytes.h ./native/src/
COPY --from=build /app/native/build ./native/build
COPY --from=build /app/native/dist ./native/dist
COPY --from=build /app/packages/client/dist ./packages/client/dist
COPY --from=build /app/dist ./dist
USER node
EXPOSE 10000
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT || 10000}/health`).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["/usr/bin/tini", "--"]
# For 512 MB: a heap that starts at 64 MB spares the collector its early full rounds, and one that
# ends at 256 MB leaves the other half to buffers, which are not on it. A small young generation
# lets go of buffers sooner.
CMD ["node", "--max-semi-space-size=1", "--v8-pool-size=1", "--initial-old-space-size=64", "--max-old-space-size=256", "dist/server.js"]
