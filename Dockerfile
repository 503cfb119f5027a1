# One file for all processes; the compose file picks a target each. NODE_IMAGE replaces the base image, and
# NPM_CONFIG_REGISTRY the registry, where the public ones cannot be reached.
ARG NODE_IMAGE=node:24-slim

FROM ${NODE_IMAGE} AS manifest
ARG NPM_CONFIG_REGISTRY
WORKDIR /app
COPY package.json package-lock.json .npmrc ./

# Type-checks and compiles: a processor with a type error ends the build.
FROM manifest AS build
RUN npm ci --ignore-scripts
COPY tsconfig.json tsconfig.build.json ./
COPY src src
COPY scripts scripts
COPY workers workers
RUN npm run build

FROM manifest AS dependencies
RUN npm ci --ignore-scripts --omit=dev

# Root owns all of /app, so the process cannot change what it runs.
FROM ${NODE_IMAGE} AS runtime
ENV NODE_ENV=production
WORKDIR /app
COPY package.json ./
COPY --from=dependencies /app/node_modules node_modules
COPY --from=build /app/dist dist
USER node

FROM runtime AS simulate
ENTRYPOINT ["node", "--enable-source-maps", "dist/scripts/simulate.js"]

FROM runtime AS worker
CMD ["node", "--enable-source-maps", "dist/src/main/worker.js"]

FROM runtime AS admin
EXPOSE 3001
CMD ["node", "--enable-source-maps", "dist/src/main/admin.js"]

FROM runtime AS ingress
# The volume of the spool takes its owner from here.
USER root
RUN mkdir /spool && chown node:node /spool && chmod 700 /spool
USER node
EXPOSE 3000
CMD ["node", "--enable-source-maps", "dist/src/main/ingress.js"]
