/** By which fields an exception tells a false alarm from what the rule is for, and how much else that hides. */

import type { Rule } from '../../rules/index.ts';
import type { SeenEvent } from './seen.ts';

/**
 * Questions about an event, each with the fields that answer it, the surest one first: who does it, from where, to what.
 * An exception takes one answer of each. None of them has another value each time, as a pid, a time or a port has.
 */
const questions: Readonly<Record<string, readonly (readonly string[])[]>> = {
  syscall: [
    ['proc.exepath', 'proc.name'],
    ['proc.pexepath', 'proc.pname'],
    ['fd.realpath', 'fd.name', 'fs.path.name', 'evt.arg.path', 'evt.arg.name', 'fs.path.target', 'evt.arg.newpath'],
    ['fs.path.source', 'evt.arg.oldpath', 'evt.arg.target'],
    ['fd.sip', 'fd.rip'],
    ['fd.sport', 'fd.rport'],
    ['container.image.repository', 'container.id'],
    ['k8s.ns.name'],
  ],
  aws_cloudtrail: [
    ['ct.user.arn', 'ct.user', 'ct.user.principalid'],
    ['ct.name'],
    ['ct.srcip'],
    ['s3.bucket', 'ct.request.functionname', 'ct.request.name', 'ct.request.username', 'iam.role', 'ecr.repository'],
    ['ct.recipientaccountid', 'ct.user.accountid'],
  ],
  k8s_audit: [
    ['ka.user.name'],
    ['ka.verb'],
    ['ka.target.resource'],
    ['ka.target.namespace'],
    ['ka.target.name', 'ka.resp.name', 'ka.req.binding.role', 'ka.uri'],
  ],
  azure_audit: [
    ['azure.caller', 'azure.signin.user', 'azure.caller.objectid', 'azure.signin.serviceprincipal'],
    ['azure.operation.lc', 'azure.operation'],
    ['azure.resourceid.lc', 'azure.resourceid', 'azure.signin.app'],
    ['azure.callerip'],
  ],
  vcd_audit: [['vcd.user.name'], ['vcd.org.name'], ['vcd.type'], ['vcd.entity.name'], ['vcd.srcip']],
};

/** What a program does, where nothing else says that: the script that it runs, what it is to look for. */
const COMMAND = 'proc.cmdline';
const OBJECT = /^(?:fd|fs|evt\.arg)\./;
const INTERPRETER =
  /(?:^|\/)(?:python|perl|ruby|php|node|nodejs|java|lua|tclsh|bash|dash|zsh|fish|ksh|mksh|ash|sh|busybox|env|sudo|awk|gawk|mawk)[\d.]*$/;
const USER = ['user.name', 'user.uid'];

/** What whoever runs a program, or makes a request, writes as he likes. */
const FREE =
  /^(?:proc\.[aps]?(?:name|cmdline|exe|exeline|args|env)|proc\.(?:pcmdline|cwd|tty)|evt\.args?|evt\.buffer|container\.name|k8s\.pod\.name|\w+\.useragent)(?:\[.*)?$/;

/** What most events of a rule have in common, whoever causes them. */
const COMMON: readonly (readonly [field: RegExp, value: RegExp])[] = [
  [/^(?:user|group)\./, /^(?:root|0|-1|4294967295|)$/],
  [/^container\.(?:id|name|type)$/, /^host$/],
  [/^ka\.user\.name$/, /^system:(?:anonymous|unauthenticated)$/],
  [
    /^(?:evt\.(?:type|res|category)|fd\.type(?:char)?|fd\.l4proto|ct\.(?:name|region|src)|ka\.(?:verb|target\.resource)|azure\.operation.*|vcd\.(?:type|action))$/,
    /(?:)/,
  ],
  [/^/, /^(?:|<NA>|\/|true|false)$/],
];

/** What has another value each time. */
const FLEETING =
  /(?:^|[._])(?:[vp]?[pt]id|ppid|v?pgid|sid|v?pgsid|num|rawtime|reltime|time|datetime|duration|ts|ctime|mtime|cpu|ino|offset|seq|requestid|auditid|correlationid|id|uid|lport|cport|rawarg)(?:[._[]|$)/;
/** A pid, a counter, a date, a time, a digest, the letters of mkstemp, of a pod, an AppImage, or a socket, in a path or a command. */
const PASSING =
  /\d{5,}|\d{4}[-_]\d\d[-_]\d\d|\d\d:\d\d:\d\d|(?=[a-f]*\d)[0-9a-f]{8,}|\/proc\/\d+|\.(?=\w*[A-Z])(?=\w*[a-z\d])\w{6,10}(?:$|\/)|\/\.mount_\w{6,}|-(?=[a-z]*\d)[bcdf-hj-np-tv-xz24-9]{5}$|->/;
/** The first port that the kernel gives to who wants any. */
const EPHEMERAL = 32768;
const STEADY = /^(?:user\.(?:uid|loginuid)|group\.gid|container\.id)$/;

/** Whether the value of a field says something of the event that will be so again. */
export function serves(event: SeenEvent, field: string): boolean {
  const text = event.text(field);
  if (text === undefined) return false;
  // Of a socket the name has the port that the kernel chose; a container's id is a name only for the host.
  if (field === 'fd.name' || field === 'fd.realpath') return text.startsWith('/');
  return field === 'container.id' ? text === 'host' : text !== '' && text !== '<NA>';
}

/** What says who does it, but cannot be compared, where nothing else says that. What is left would hide nearly everything. */
export function veiledActor(event: SeenEvent, source: string): string | undefined {
  const [actor = []] = questions[source] ?? [];
  return actor.some((field) => serves(event, field)) ? undefined : actor.find((field) => event.isVeiled(field));
}

/** The fields that an exception for an event is made of; none: nothing of what the alert shows serves. */
export function chooseFields(event: SeenEvent, source: string): readonly string[] {
  const tells = (field: string) => serves(event, field);
  const chosen = (questions[source] ?? []).flatMap((answers) => answers.find(tells) ?? []);
  if (source === 'syscall') {
    const program = event.text('proc.exepath') ?? event.text('proc.name') ?? '';
    const hasObject = !INTERPRETER.test(program) && chosen.some((field) => OBJECT.test(field));
    if (!hasObject && tells(COMMAND)) chosen.splice(1, 0, COMMAND);
    if (chosen.length < 2) chosen.push(...USER.filter(tells).slice(0, 1));
  }
  if (chosen.length > 0) return chosen;
  const steady = event.fields.filter((field) => tells(field) && !isFleeting(field) && !isCommon(field, event));
  return steady.slice(0, 4);
}

/** Fields with which the alert would tell more of its event: of a program all, of its object what the rule reads. */
export function missingFields(event: SeenEvent, { source, condition }: Rule): readonly string[] {
  const reads = new Set(condition.reads.map(({ text }) => text));
  return (questions[source] ?? []).flatMap((answers) => {
    const [surest = ''] = answers;
    // A name is whatever who runs the program wants it to be: a path tells more.
    if (surest.startsWith('proc.')) return event.fields.includes(surest) ? [] : [surest];
    if (answers.some((field) => event.fields.includes(field))) return [];
    const read = answers.find((field) => reads.has(field));
    return source !== 'syscall' || surest.startsWith('container.') ? [read ?? surest] : (read ?? []);
  });
}

/** Whether a field has another value each time. */
export function isFleeting(field: string): boolean {
  return FLEETING.test(field) && !STEADY.test(field);
}

function isCommon(field: string, event: SeenEvent): boolean {
  const text = event.text(field) ?? '';
  return COMMON.some(([name, value]) => name.test(field) && value.test(text));
}

/** A way in which an exception hides more than the event that it is made for. */
export interface Breadth {
  readonly kind: 'alone' | 'free' | 'common' | 'veiled' | 'told' | 'silent' | 'image';
  readonly text: string;
}

/** How much an exception of these fields hides beside the event that it is made for; nothing to warn of: none. */
export function breadth(event: SeenEvent, fields: readonly string[]): readonly Breadth[] {
  const warnings: Breadth[] = [];
  const warn = (kind: Breadth['kind'], text: string) => warnings.push({ kind, text });
  const is = (field: string) => `${field} = ${event.constant(field)}`;
  const free = fields.filter((field) => FREE.test(field));
  const common = fields.filter((field) => !free.includes(field) && isCommon(field, event));
  // Of a rule about a file that file is in all its alerts.
  const objects = fields.filter((field) => OBJECT.test(field) && !common.includes(field));
  const [only] = fields;
  if (fields.length === 1 && only !== undefined) {
    warn('alone', `${is(only)} is all that it goes by`);
  }
  if (free.length + common.length + objects.length === fields.length) {
    if (free.length > 0) warn('free', `an attacker can have ${free.join(' and ')} as he likes`);
    if (common.length > 0) warn('common', `${common.map(is).join(' and ')} holds for much else`);
  }
  for (const answers of [...(questions[event.source] ?? []), [COMMAND]]) {
    const veiled = answers.find((field) => event.isVeiled(field));
    if (veiled !== undefined && !fields.includes(veiled)) warn('veiled', `${event.why(veiled)}: it is not compared`);
  }
  const program = event.text('proc.exepath') ?? event.text('proc.name') ?? '';
  const names = fields.includes('proc.exepath') || fields.includes('proc.name');
  if (names && !fields.some((field) => /^proc\.(?:cmdline|args|exeline)/.test(field))) {
    if (INTERPRETER.test(program)) warn('told', `${program} does what it is told, and nothing here says what that is`);
    else if (!fields.some((field) => OBJECT.test(field))) warn('silent', `nothing here says what ${program} does`);
  }
  const place = fields.some((field) => /^(?:container|k8s)\./.test(field));
  const container = event.text('container.id') ?? 'host';
  if (names && !place && container !== 'host') {
    warn('image', 'the program is in a container, and nothing here says of which image');
  }
  return warnings;
}

/** Which of the fields may never have that value again. */
export function fleeting(event: SeenEvent, fields: readonly string[]): readonly string[] {
  return fields.filter((field) => {
    if (isFleeting(field)) return true;
    const text = event.text(field) ?? '';
    if (/^fd\.[srl]port$/.test(field)) return Number(text) >= EPHEMERAL;
    return PASSING.test(text) && /[/\s-]/.test(text);
  });
}
