/** What Kubernetes writes onto containers and pods for runtimes to keep. */

import type { Pod, Probes } from '../events/containers/container.ts';

type Texts = Readonly<Record<string, string>>;

/** The pod of a container, by the labels that the kubelet gives it; undefined outside of Kubernetes. */
export function podOfLabels(labels: Texts): Pod | undefined {
  const name = labels['io.kubernetes.pod.name'];
  if (name === undefined) return undefined;
  return {
    name,
    namespace: labels['io.kubernetes.pod.namespace'],
    uid: labels['io.kubernetes.pod.uid'],
    sandboxId: labels['io.kubernetes.sandbox.id'],
    labels: {},
    ip: undefined,
    cni: undefined,
  };
}

interface Probe {
  readonly exec?: { readonly command?: readonly string[] };
}

interface Spec {
  readonly containers?: readonly {
    readonly name?: string;
    readonly livenessProbe?: Probe;
    readonly readinessProbe?: Probe;
  }[];
}

/** The probes of a container, by what kubectl last applied; only what is run in the container counts. */
export function probesOf(annotations: Texts, container: string): Probes {
  const applied = annotations['kubectl.kubernetes.io/last-applied-configuration'];
  if (applied === undefined) return {};
  let spec: Spec | undefined;
  try {
    spec = (JSON.parse(applied) as { spec?: Spec }).spec;
  } catch {
    return {}; // it is only kubectl's note to itself
  }
  const own = Array.isArray(spec?.containers) ? spec.containers.find(({ name }) => name === container) : undefined;
  const [liveness, readiness] = [own?.livenessProbe?.exec?.command, own?.readinessProbe?.exec?.command];
  return { ...(liveness ? { liveness } : {}), ...(readiness ? { readiness } : {}) };
}
