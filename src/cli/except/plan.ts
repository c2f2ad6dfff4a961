/** Which exceptions end the alerts of a rule, and which of these alerts get none. */

import { placeText } from '../../core/errors.ts';
import type { Refutation, Rule } from '../../rules/index.ts';
import { Blocks } from './blocks.ts';
import type { Case } from './cases.ts';
import { chooseFields, veiledActor } from './fields.ts';
import type { Why } from './left.ts';
import { Judged, type SeenEvent } from './seen.ts';
import { more, Remarks } from './warnings.ts';
import type { Block, Row } from './yaml.ts';

export interface Plan {
  readonly case: Case;
  readonly blocks: readonly Block[];
  /** All that would be needed, those of the blocks first. */
  readonly rows: readonly Row[];
  /** Alerts that get no exception, each with why; `key` is the same where the same is wrong. */
  readonly open: readonly Open[];
  /** How many alerts the rule would not raise anyway, and why, a line each. */
  readonly silent: number;
  readonly whySilent: readonly string[];
}

export interface Open {
  readonly event: SeenEvent;
  readonly key: string;
  readonly why: () => Why;
}

/** `by`: the fields to go by, where they are given; `most`: so many rows. */
export function planFor(each: Case, by: readonly string[] | undefined, most: number): Plan {
  const { rule } = each;
  const blocks = new Blocks(rule);
  const judge = new Judged(rule);
  const open: Open[] = [];
  const notRaised = new Remarks();
  const reasons = new Map<string, Refutation>();
  let silent = 0;
  for (const event of each.events) {
    if (!judge.mayMatch(event)) {
      const why = judge.refutation(event);
      notRaised.add('', why.text, event.lines);
      if (!reasons.has(why.text)) reasons.set(why.text, why);
      silent += event.lines.length;
      continue;
    }
    const lacks = by === undefined ? lackOf(event, rule) : lackOfNamed(event, by);
    if (lacks === undefined) blocks.add(by ?? blocks.fieldsFor(event), event);
    else open.push({ event, ...lacks });
  }
  const { kept, rest, all } = blocks.most(most);
  const tooMany = `"${rule.name}" needs ${most + rest.length} rows: the ${most} that hide the most alerts are written`;
  const hint = `--rows writes more, --rule ${JSON.stringify(rule.name)} of this rule alone.`;
  const why = () => ({ message: tooMany, hint });
  const left = rest.flatMap(({ events }) => events.map((event) => ({ event, key: tooMany, why })));
  const whySilent = notRaised.texts((text, lines) => {
    const failing = refutedText(reasons.get(text) as Refutation);
    return `No alert with these rules, and without an exception: ${lines}, failing ${failing}.`;
  });
  return { case: each, blocks: kept, rows: all, open: [...open, ...left], silent, whySilent };
}

type Lack = Omit<Open, 'event'>;

/** What keeps an alert from getting an exception of what it shows. */
function lackOf(event: SeenEvent, rule: Rule): Lack | undefined {
  const veiled = veiledActor(event, rule.source);
  if (veiled !== undefined) {
    const message = `${event.why(veiled)}, and nothing else says who does it`;
    return {
      key: message,
      why: () => ({ message, hint: `--by takes other fields, and hides much else: ${comparable(event)}.` }),
    };
  }
  if (chooseFields(event, rule.source).length > 0) return undefined;
  const message = `The alert of "${rule.name}" shows no field that an exception can go by`;
  const hint = more(event, rule);
  return { key: `${message} ${hint}`, why: () => ({ message, hint }) };
}

function lackOfNamed(event: SeenEvent, by: readonly string[]): Lack | undefined {
  const field = by.find((name) => event.constant(name) === undefined);
  if (field === undefined) return undefined;
  const message = event.why(field);
  return { key: message, why: () => ({ message, hint: `There are ${comparable(event)}.` }) };
}

function comparable(event: SeenEvent): string {
  return event.fields.filter((field) => event.constant(field) !== undefined).join(', ');
}

/** A part of a condition, and where it is written. */
function refutedText({ text, place, via }: Refutation): string {
  const at = [...(place ? [placeText(place)] : []), ...via].join(', ');
  return `${text.length > 120 ? `${text.slice(0, 120)}…` : text} (${at})`;
}
