/** Audit events of one's own. */

export function auditEvent(n: number, more: object = {}): object {
  return {
    kind: 'Event',
    apiVersion: 'audit.k8s.io/v1',
    level: 'Metadata',
    auditID: `audit-${n}`,
    stage: 'ResponseComplete',
    requestURI: `/api/v1/namespaces/shop/pods/p${n}`,
    verb: 'get',
    user: { username: `user-${n}`, groups: ['system:authenticated'] },
    sourceIPs: ['10.0.0.9'],
    objectRef: { resource: 'pods', namespace: 'shop', name: `p${n}`, apiVersion: 'v1' },
    responseStatus: { metadata: {}, code: 200 },
    requestReceivedTimestamp: '2026-03-02T10:15:01.007000Z',
    stageTimestamp: '2026-03-02T10:15:01.010000Z',
    ...more,
  };
}

/** Somebody makes himself an administrator of the cluster: a rule of ours tells of it. */
export function adminBound(auditID: string, username: string, time: string): object {
  return auditEvent(0, {
    auditID,
    level: 'Request',
    verb: 'create',
    user: { username },
    objectRef: { resource: 'clusterrolebindings', name: 'mine', apiVersion: 'v1' },
    responseStatus: { metadata: {}, code: 201 },
    requestObject: {
      roleRef: { kind: 'ClusterRole', name: 'cluster-admin' },
      subjects: [{ kind: 'User', name: username }],
    },
    requestReceivedTimestamp: time,
    stageTimestamp: time,
  });
}

export function auditEvents(count: number, from = 0): object[] {
  return Array.from({ length: count }, (_, index) => auditEvent(from + index));
}

export function auditLines(count: number, from = 0): string {
  return auditEvents(count, from)
    .map((event) => `${JSON.stringify(event)}\n`)
    .join('');
}

export const namesOf = (count: number, from = 0) => Array.from({ length: count }, (_, index) => `p${from + index}`);
