import { describe, expect, it } from 'vitest';
import { nanoseconds } from '../../src/containers/docker.ts';
import { imageOf, parseImageName } from '../../src/containers/image-name.ts';
import { podOfLabels, probesOf } from '../../src/containers/pod-labels.ts';

const ID = '3ad7b26ded6d8e7b23da7d48fe889434573036c27ae5a74837233de441c3601e';
const DIGEST = `sha256:${ID}`;

describe('Names of images', () => {
  it.each([
    ['nginx', 'nginx', undefined, undefined],
    ['nginx:1.27', 'nginx', '1.27', undefined],
    ['docker.io/library/nginx:1.27', 'docker.io/library/nginx', '1.27', undefined],
    ['localhost:5000/shop/web', 'localhost:5000/shop/web', undefined, undefined],
    ['localhost:5000/shop/web:2', 'localhost:5000/shop/web', '2', undefined],
    [`quay.io/x/y@${DIGEST}`, 'quay.io/x/y', undefined, DIGEST],
    [`quay.io:443/x/y:3@${DIGEST}`, 'quay.io:443/x/y', '3', DIGEST],
    [ID, undefined, undefined, undefined],
    [DIGEST, undefined, undefined, undefined],
    ['', undefined, undefined, undefined],
  ])('%s', (text, repository, tag, digest) => {
    expect(parseImageName(text)).toEqual({ repository, tag, digest });
  });

  it('without a tag mean latest; started by a digest they have none', () => {
    expect(imageOf('nginx', undefined, [], [])).toMatchObject({
      repository: 'nginx',
      tag: 'latest',
      digest: undefined,
    });
    expect(imageOf(`nginx@${DIGEST}`, undefined, [], [])).toMatchObject({ tag: undefined, digest: DIGEST });
    expect(imageOf('', undefined, [], [])).toEqual({
      given: undefined,
      id: undefined,
      repository: undefined,
      tag: undefined,
      digest: undefined,
    });
  });

  it('come from the image where it was started by its id', () => {
    const found = imageOf(DIGEST, DIGEST, ['shop/web:2', 'shop/web:latest'], [`shop/web@${DIGEST}`]);
    expect(found).toEqual({ given: DIGEST, id: ID, repository: 'shop/web', tag: '2', digest: DIGEST });
    expect(imageOf(ID, DIGEST, [], [`shop/web@${DIGEST}`])).toMatchObject({ repository: 'shop/web', tag: undefined });
  });

  it('have the digest of their own registry', () => {
    const digests = [`mirror/web@sha256:${'0'.repeat(64)}`, `shop/web@${DIGEST}`];
    expect(imageOf('shop/web:1', undefined, [], digests).digest).toBe(DIGEST);
  });
});

describe('What Kubernetes writes down', () => {
  it('names the pod', () => {
    const labels = {
      'io.kubernetes.pod.name': 'shop-0',
      'io.kubernetes.pod.namespace': 'sales',
      'io.kubernetes.pod.uid': 'u',
      'io.kubernetes.sandbox.id': ID,
    };
    expect(podOfLabels(labels)).toMatchObject({ name: 'shop-0', namespace: 'sales', uid: 'u', sandboxId: ID });
    expect(podOfLabels({ app: 'shop' })).toBeUndefined();
  });

  it('has the probes of the container, and nothing else', () => {
    const probes = (spec: unknown, container = 'web') =>
      probesOf({ 'kubectl.kubernetes.io/last-applied-configuration': JSON.stringify({ spec }) }, container);
    const containers = [
      { name: 'web', livenessProbe: { exec: { command: ['a'] } }, readinessProbe: { httpGet: {} } },
      { name: 'db', readinessProbe: { exec: { command: ['b', 'c'] } } },
    ];
    expect(probes({ containers })).toEqual({ liveness: ['a'] });
    expect(probes({ containers }, 'db')).toEqual({ readiness: ['b', 'c'] });
    expect(probes({ containers }, 'other')).toEqual({});
    for (const odd of [undefined, {}, { containers: 3 }, { containers: null }]) expect(probes(odd)).toEqual({});
    expect(probesOf({ 'kubectl.kubernetes.io/last-applied-configuration': '{' }, 'web')).toEqual({});
    expect(probesOf({}, 'web')).toEqual({});
  });
});

describe('Times of Docker', () => {
  it.each([
    ['2026-11-24T14:18:05.343043277Z', 1795529885343043277n],
    ['2026-11-24T14:18:05.3Z', 1795529885300000000n],
    ['2026-11-24T14:18:05Z', 1795529885000000000n],
    ['2026-11-24T15:18:05.000000001+01:00', 1795529885000000001n],
    ['0001-01-01T00:00:00Z', undefined],
    ['soon', undefined],
    [undefined, undefined],
  ])('%s', (text, time) => expect(nanoseconds(text)).toBe(time));
});
