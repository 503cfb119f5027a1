/** deploy/kubernetes: of the kinds that Kubernetes and KEDA know, and at one with settings, ports and image names of the bridge. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Deployment, StatefulSet } from 'kubernetes-types/apps/v1.js'
import type { ConfigMap, Container, Service } from 'kubernetes-types/core/v1.js'
import type { PodDisruptionBudget } from 'kubernetes-types/policy/v1.js'
import { parseAllDocuments } from 'yaml'
import { z } from 'zod'
import { loadConfig } from '../../src/config.ts'
import { secretSettings, settings } from '../../src/settings.ts'
import { refusedOf } from '../support/compiled.ts'
import { read } from '../support/source.ts'

type Manifest = Deployment | StatefulSet | ConfigMap | Service | PodDisruptionBudget

function documentsOf<T>(file: string): T[] {
  return [...parseAllDocuments(read(file))].map((document) => {
    assert.deepEqual([...document.errors, ...document.warnings], [])
    return document.toJS() as T
  })
}

const manifests = documentsOf<Manifest>('deploy/kubernetes/bridge.yaml')
const scaled = documentsOf<unknown>('deploy/kubernetes/keda.yaml')

const ofKind = <K extends Manifest['kind']>(kind: K) =>
  manifests.filter((one): one is Extract<Manifest, { kind?: K }> => one.kind === kind)

const workloads = [...ofKind('StatefulSet'), ...ofKind('Deployment')].map(({ metadata, spec }) => {
  const pod = spec?.template.spec
  const container = pod?.containers[0]
  assert.ok(pod !== undefined && container !== undefined && pod.containers.length === 1)
  return {
    name: metadata?.name ?? '',
    labels: spec?.template.metadata?.labels,
    selector: spec?.selector,
    pod,
    container,
  }
})

const shared = ofKind('ConfigMap')[0]?.data ?? {}

/** What a process finds in its environment, secrets left out. */
const environmentOf = ({ env = [] }: Container): Record<string, string> => ({
  ...shared,
  ...Object.fromEntries(env.map(({ name, value = '' }) => [name, value])),
})

/** The part of KEDA that is used, as its documentation has it (ScaledObject specification, Prometheus scaler). */
const policies = z.array(
  z.strictObject({
    type: z.enum(['Pods', 'Percent']),
    value: z.int().min(1),
    periodSeconds: z.int().min(1).max(1_800),
  }),
)
const scaledObject = z.strictObject({
  apiVersion: z.literal('keda.sh/v1alpha1'),
  kind: z.literal('ScaledObject'),
  metadata: z.strictObject({ name: z.string(), labels: z.record(z.string(), z.string()) }),
  spec: z.strictObject({
    scaleTargetRef: z.strictObject({ name: z.string() }),
    minReplicaCount: z.int().min(1),
    maxReplicaCount: z.int().min(1),
    pollingInterval: z.int().min(1),
    advanced: z.strictObject({
      horizontalPodAutoscalerConfig: z.strictObject({
        behavior: z.strictObject({
          scaleUp: z.strictObject({ policies }),
          scaleDown: z.strictObject({ stabilizationWindowSeconds: z.int().min(0).max(3_600), policies }),
        }),
      }),
    }),
    triggers: z
      .array(
        z.strictObject({
          type: z.literal('prometheus'),
          metricType: z.enum(['AverageValue', 'Value']),
          // Texts all of them, numbers too.
          metadata: z.strictObject({
            serverAddress: z.url(),
            query: z.string(),
            threshold: z.string().regex(/^\d+(\.\d+)?$/),
            ignoreNullValues: z.enum(['true', 'false']),
          }),
        }),
      )
      .min(1),
  }),
})

test('manifests, every one of them, fit the types of Kubernetes; with a misspelt field or a wrong type they do not', async (t) => {
  // Written out as literals, of which the compiler refuses a field that a type does not have.
  const groups = new Map([['v1', 'core/v1']])
  const source = manifests.map((manifest, index) => {
    const { apiVersion = '', kind = '' } = manifest
    const group = groups.get(apiVersion) ?? apiVersion
    return `import type { ${kind} as Kind${index} } from 'kubernetes-types/${group}.js'\nexport const one${index}: Kind${index} = ${JSON.stringify(manifest)}\n`
  })
  const text = source.join('')

  const { refused, output } = await refusedOf(t, {
    'as-they-stand.ts': text,
    'misspelt.ts': text.replace('"livenessProbe"', '"livenesProbe"'),
    'wrong-type.ts': text.replace('"containerPort":3000', '"containerPort":"3000"'),
  })

  assert.deepEqual(refused, ['misspelt.ts', 'wrong-type.ts'], output)
})

test('manifests, where Kubernetes knows certain words only, use these', () => {
  // Its types say text.
  const words: Record<string, readonly string[]> = {
    accessModes: ['ReadWriteOnce', 'ReadWriteOncePod'],
    externalTrafficPolicy: ['Local', 'Cluster'],
    fsGroupChangePolicy: ['OnRootMismatch', 'Always'],
    type: ['LoadBalancer', 'ClusterIP', 'NodePort', 'RuntimeDefault'],
    drop: ['ALL'],
  }
  const used = new Set<string>()
  JSON.stringify(manifests, (key, value) => {
    const found = typeof value === 'string' || Array.isArray(value) ? [value].flat() : []
    for (const word of key in words ? found : []) {
      used.add(key)
      assert.ok(words[key]?.includes(word), `${key}: ${word}`)
    }
    return value
  })

  assert.deepEqual([...used].sort(), Object.keys(words).sort())
})

test('the ScaledObject, beside the documentation of KEDA, has its shape, and scales a Deployment that is there', () => {
  for (const one of scaled) {
    const { spec } = scaledObject.parse(one)
    const target = ofKind('Deployment').find(({ metadata }) => metadata?.name === spec.scaleTargetRef.name)
    assert.ok(target !== undefined, spec.scaleTargetRef.name)
    assert.ok(spec.minReplicaCount <= (target.spec?.replicas ?? 1) && spec.minReplicaCount <= spec.maxReplicaCount)
  }
})

for (const { name, pod, container, labels, selector } of workloads) {
  const environment = environmentOf(container)

  test(`${name}, of the variables it is given, has none that is no setting, none that is secret, none that is wrong`, () => {
    const unknown = Object.keys(environment).filter((one) => !(one in settings) || secretSettings.has(one as never))
    assert.deepEqual(unknown, [])
    loadConfig(environment)
    assert.equal(pod.enableServiceLinks, false, 'a Service named ingress would set INGRESS_PORT=tcp://…')
  })

  test(`${name}, at its ports and probes, names what its process listens on`, () => {
    const config = loadConfig(environment)
    const listens: Record<string, Record<string, number | undefined>> = {
      ingress: { http: config.ingress.port, metrics: config.metricsPort },
      worker: { metrics: config.metricsPort },
      admin: { http: config.admin.port },
    }
    const ports: Record<string, number> = Object.fromEntries(
      (container.ports ?? []).map((port) => [port.name, port.containerPort]),
    )
    assert.deepEqual(ports, listens[name])
    const probes = [container.startupProbe, container.livenessProbe, container.readinessProbe]
    for (const probe of probes) {
      assert.ok(String(probe?.httpGet?.port) in ports, JSON.stringify(probe))
      assert.match(probe?.httpGet?.path ?? '', /^\/(healthz|readyz)$/)
    }
    assert.equal(container.livenessProbe?.httpGet?.path, '/healthz', 'Redis away is no reason to be ended')
  })

  test(`${name}, told to stop, has longer than its drain takes`, () => {
    const seconds = Number(/setTimeout\(.*?, (\d+)\)/.exec(JSON.stringify(container.lifecycle ?? {}))?.[1] ?? 0) / 1_000
    const drain = loadConfig(environment).drainTimeoutMs / 1_000

    assert.ok((pod.terminationGracePeriodSeconds ?? 30) > seconds + drain + 3)
  })

  test(`${name}, in its pod, is not root, cannot write but to its volumes, and cannot become more`, () => {
    assert.equal(pod.securityContext?.runAsNonRoot, true)
    assert.equal(pod.automountServiceAccountToken, false)
    const { readOnlyRootFilesystem, allowPrivilegeEscalation, capabilities } = container.securityContext ?? {}
    assert.deepEqual([readOnlyRootFilesystem, allowPrivilegeEscalation, capabilities?.drop], [true, false, ['ALL']])
    const targets = [...read('Dockerfile').matchAll(/^FROM \S+ AS (\w+)$/gm)].map(([, target]) => target)
    assert.ok(targets.includes(name) && container.image === `simotel-bridge-${name}`)
  })

  test(`${name}, by its labels, is what it selects`, () => {
    assert.deepEqual({ ...labels, ...selector?.matchLabels }, labels)
  })
}

test('Services and budgets, by their selectors and ports, each mean one workload that is there', () => {
  const named = (labels: Record<string, string> = {}) =>
    workloads.filter((one) => Object.entries(labels).every(([key, value]) => one.labels?.[key] === value))
  for (const { metadata, spec } of ofKind('Service')) {
    const [target, ...others] = named(spec?.selector)
    assert.deepEqual([target?.name, others], [metadata?.name, []])
    for (const { targetPort } of spec?.ports ?? []) {
      assert.ok(
        target?.container.ports?.some((port) => port.name === targetPort),
        String(targetPort),
      )
    }
  }
  for (const { metadata, spec } of ofKind('PodDisruptionBudget')) {
    assert.deepEqual(
      named(spec?.selector?.matchLabels).map(({ name }) => name),
      [metadata?.name],
    )
  }
})

test('the spool of the ingress, at its cap, fits its volume', () => {
  const [ingress] = ofKind('StatefulSet')
  const size = String(ingress?.spec?.volumeClaimTemplates?.[0]?.spec?.resources?.requests?.['storage'])
  const { spool } = loadConfig(environmentOf(workloads[0]!.container))

  assert.match(size, /^\d+Gi$/)
  assert.ok(Number.parseInt(size, 10) * 2 ** 30 > spool.maxBytes * 1.2)
  assert.equal(workloads[0]?.container.volumeMounts?.[0]?.mountPath, spool.dir)
})
