/** The fields of Kubernetes audit events: Falco's names, and some of ours (spec/cloud-sources.md §4.4). */

import { at, items, list, member, ownMember, text, textOrJson } from '../cloud/document.ts';
import type { CloudEvent } from '../cloud/event.ts';
import {
  byKey,
  type CloudField,
  type CloudFieldRow,
  chosen,
  defineCloudFields,
  indexOf,
  listed,
  type MakeReader,
  path,
  plain,
} from '../cloud/table.ts';
import { parseTimestamp } from '../cloud/timestamp.ts';
import { deprecated, type FieldTraits } from '../field-table.ts';
import { configMapData, podRows } from './pods.ts';

const lists: FieldTraits = { list: true };
const annotation = (name: string) => plain(({ document }) => text(ownMember(document.annotations, name)));

const parameter: MakeReader =
  (name = '') =>
  ({ document }) => {
    const uri = text(document.requestURI);
    const start = uri?.indexOf('?') ?? -1;
    return start < 0 ? undefined : (new URLSearchParams((uri as string).slice(start + 1)).get(name) ?? undefined);
  };

function podName({ document }: CloudEvent): string | undefined {
  const target = document.objectRef;
  const isPod = text(member(target, 'resource')) === 'pods' && member(target, 'subresource') === undefined;
  return isPod ? text(at(document, ['responseObject', 'metadata', 'name'])) : undefined;
}

/** The subjects of a binding of one kind, each as `of` has it. */
const subjects = (kind: string, of: (subject: unknown) => string | undefined) =>
  plain(({ document }) =>
    list(
      items(at(document, ['requestObject', 'subjects']))
        .filter((subject) => text(member(subject, 'kind')) === kind)
        .map(of),
    ),
  );

const nameOf = (subject: unknown) => text(member(subject, 'name'));

function qualifiedName(subject: unknown): string | undefined {
  const [namespace, name] = [text(member(subject, 'namespace')), nameOf(subject)];
  return namespace === undefined || name === undefined ? undefined : `${namespace}:${name}`;
}

/** One key of the rules of a role, all together; `[n]` are those of one rule. */
const roleRules =
  (key: string): MakeReader =>
  (arg) =>
  ({ document }) =>
    list(
      chosen(items(at(document, ['requestObject', 'rules'])), indexOf(arg)).flatMap((rule) =>
        items(member(rule, key)).map(text),
      ),
    );

function latency({ document }: CloudEvent): number | bigint | undefined {
  const [started, ended] = [parseTimestamp(document.requestReceivedTimestamp), parseTimestamp(document.stageTimestamp)];
  if (started === undefined || ended === undefined || ended < started) return undefined;
  const span = ended - started;
  return span <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(span) : span;
}

const general: readonly CloudFieldRow[] = [
  ['ka.auditid', 'CHARBUF', 'The id of the request; each stage of it is an event.', path('auditID')],
  [
    'ka.stage',
    'CHARBUF',
    'The stage: `RequestReceived`, `ResponseStarted`, `ResponseComplete`, `Panic`.',
    path('stage'),
  ],
  ['ka.level', 'CHARBUF', 'How much is logged: `Metadata`, `Request`, `RequestResponse`.', path('level')],
  ['ka.latency', 'RELTIME', 'From the request to this stage, in nanoseconds.', plain(latency)],
  [
    'ka.auth.decision',
    'CHARBUF',
    'Whether it was allowed: `allow`, `forbid`.',
    annotation('authorization.k8s.io/decision'),
  ],
  ['ka.auth.reason', 'CHARBUF', 'Why it was allowed or not.', annotation('authorization.k8s.io/reason')],
  [
    'ka.auth.openshift.decision',
    'CHARBUF',
    'The decision of the authentication on OpenShift.',
    annotation('authentication.openshift.io/decision'),
  ],
  [
    'ka.auth.openshift.username',
    'CHARBUF',
    'The user that logs in on OpenShift.',
    annotation('authentication.openshift.io/username'),
  ],
  [
    'ka.validations.admission.policy.failure',
    'CHARBUF',
    'Why a validating admission policy failed.',
    annotation('validation.policy.admission.k8s.io/validation_failure'),
  ],
  [
    'ka.security.pod.violations',
    'CHARBUF',
    'What the pod does that its security standard forbids.',
    annotation('pod-security.kubernetes.io/audit-violations'),
  ],
  ['ka.annotation', 'CHARBUF', 'An annotation of the event.', (name = '') => annotation(name)(undefined), byKey],
  ['ka.user.name', 'CHARBUF', 'The user who asks.', path('user', 'username')],
  ['ka.user.uid', 'CHARBUF', 'The unique id of who asks.', path('user', 'uid')],
  [
    'ka.user.groups',
    'CHARBUF',
    'The groups of who asks.',
    plain(({ document }) => list(items(member(document.user, 'groups')).map(text))),
    lists,
  ],
  [
    'ka.user.extra',
    'CHARBUF',
    'What the authentication says beside it, by its key.',
    (key = '') =>
      ({ document }) =>
        list(items(ownMember(member(document.user, 'extra'), key)).map(text)),
    { ...byKey, list: true },
  ],
  ['ka.impuser.name', 'CHARBUF', 'The user who is impersonated.', path('impersonatedUser', 'username')],
  ['ka.verb', 'CHARBUF', 'What is asked for: `create`, `get`, `list`.', path('verb')],
  ['ka.uri', 'CHARBUF', 'The address of the request, with its query.', path('requestURI')],
  [
    'ka.uri.param',
    'CHARBUF',
    'A parameter of the query: `ka.uri.param[command]`; the first of that name.',
    parameter,
    byKey,
  ],
  ['ka.useragent', 'CHARBUF', 'The program that asks.', path('userAgent')],
  [
    'ka.sourceips',
    'CHARBUF',
    'The addresses that the request came from and through.',
    (arg) =>
      ({ document }) =>
        list(chosen(items(document.sourceIPs), indexOf(arg)).map(text)),
    listed,
  ],
  [
    'ka.cluster.name',
    'CHARBUF',
    'The cluster, where it is annotated or the way that the event came tells.',
    () => {
      const annotated = annotation('cluster_name')(undefined);
      return (event) => annotated(event) ?? event.origin?.['ka.cluster.name'];
    },
  ],
];

const targets: readonly CloudFieldRow[] = [
  ['ka.target.name', 'CHARBUF', 'The object that it is about.', path('objectRef', 'name')],
  ['ka.target.namespace', 'CHARBUF', 'The namespace of that object.', path('objectRef', 'namespace')],
  ['ka.target.resource', 'CHARBUF', 'The kind of that object: `pods`.', path('objectRef', 'resource')],
  ['ka.target.subresource', 'CHARBUF', 'The part of it: `exec`, `attach`.', path('objectRef', 'subresource')],
  ['ka.target.pod.name', 'CHARBUF', 'The name that a pod was given.', plain(podName)],
  ['ka.req.apigroup', 'CHARBUF', 'The API group of the object.', path('objectRef', 'apiGroup')],
  ['ka.resp.name', 'CHARBUF', 'The name of the object in the answer.', path('responseObject', 'metadata', 'name')],
  ['ka.response.code', 'CHARBUF', 'The code of the answer: `201`.', path('responseStatus', 'code')],
  ['ka.response.reason', 'CHARBUF', 'The reason in the answer, mostly of failures.', path('responseStatus', 'reason')],
];

const objects: readonly CloudFieldRow[] = [
  [
    'ka.req.binding.subjects',
    'CHARBUF',
    'Each subject of a role binding, as compact JSON.',
    plain(({ document }) => list(items(at(document, ['requestObject', 'subjects'])).map(textOrJson))),
    lists,
  ],
  ['ka.req.binding.subjects.user_names', 'CHARBUF', 'The users of a role binding.', subjects('User', nameOf), lists],
  [
    'ka.req.binding.subjects.serviceaccount_names',
    'CHARBUF',
    'The service accounts of a role binding.',
    subjects('ServiceAccount', nameOf),
    lists,
  ],
  [
    'ka.req.binding.subjects.serviceaccount_ns_names',
    'CHARBUF',
    'The service accounts of a role binding as `NAMESPACE:NAME`.',
    subjects('ServiceAccount', qualifiedName),
    lists,
  ],
  ['ka.req.binding.subjects.group_names', 'CHARBUF', 'The groups of a role binding.', subjects('Group', nameOf), lists],
  ['ka.req.binding.role', 'CHARBUF', 'The role that is bound.', path('requestObject', 'roleRef', 'name')],
  ['ka.req.binding.subject.has_name', 'CHARBUF', 'Always `true`.', () => () => 'true', { ...byKey, ...deprecated }],
  ['ka.req.configmap.name', 'CHARBUF', 'The name of the config map.', path('objectRef', 'name')],
  ['ka.req.configmap.obj', 'CHARBUF', 'The data of the config map, as compact JSON.', configMapData],
  [
    'ka.req.role.rules',
    'CHARBUF',
    'Each rule of a role, as compact JSON.',
    plain(({ document }) => list(items(at(document, ['requestObject', 'rules'])).map(textOrJson))),
    lists,
  ],
  ['ka.req.role.rules.apiGroups', 'CHARBUF', 'The API groups of the rules of a role.', roleRules('apiGroups'), listed],
  [
    'ka.req.role.rules.nonResourceURLs',
    'CHARBUF',
    'The other addresses of the rules of a role.',
    roleRules('nonResourceURLs'),
    listed,
  ],
  ['ka.req.role.rules.verbs', 'CHARBUF', 'The verbs of the rules of a role.', roleRules('verbs'), listed],
  ['ka.req.role.rules.resources', 'CHARBUF', 'The resources of the rules of a role.', roleRules('resources'), listed],
];

export const auditFields: readonly CloudField[] = defineCloudFields('k8saudit', [
  ...general,
  ...targets,
  ...objects,
  ...podRows,
]);
