/** Answers that AWS never gave: what is in between, or a server in its place, may answer with a page of its own. */

import { messageOf } from '../../core/errors.ts';
import { wholeBody } from '../../core/net/whole-body.ts';

/** Bytes of an answer that is an error; those of AWS have a few hundred. */
const LONGEST = 1024 ** 2;

/** The names of errors that the SDK makes of answers which it cannot read. */
const UNREAD: ReadonlySet<string> = new Set(['SyntaxError', 'Error', 'Unknown']);

interface Response {
  readonly statusCode: number;
  body?: AsyncIterable<Buffer> | Uint8Array | string;
  /** The proxy by which it came in the clear. */
  readonly proxy?: string;
}

type Handler = (args: object) => Promise<{ readonly response: unknown }>;

/** What of a client of the SDK is used, without its types: each client has others. */
interface Stack {
  add(middleware: (next: Handler) => Handler, place: { step: 'deserialize'; priority: 'low'; name: string }): void;
}

/** Has a client of the SDK keep answers that are errors, for `unreadAnswer`. */
export function keepAnswers<Client extends { readonly middlewareStack: object }>(client: Client): Client {
  const stack = client.middlewareStack as Stack;
  // Innermost: the SDK reads the bytes then, and its error has them.
  stack.add(
    (next) => async (args) => {
      const result = await next(args);
      const response = result.response as Response;
      const { statusCode: status, body } = response;
      if (status < 300 || !body || typeof body === 'string' || body instanceof Uint8Array) return result;
      const tooLong = () => new Error(`status ${status} with an answer that is longer than ${LONGEST} bytes`);
      response.body = await wholeBody(body, LONGEST, tooLong);
      return result;
    },
    { step: 'deserialize', priority: 'low', name: 'keepAnswers' },
  );
  return client;
}

/** Of an error of a call: the status and the beginning of an answer that is not AWS's, for people; undefined for any other. */
export function unreadAnswer(error: unknown): string | undefined {
  if (!(error instanceof Error) || !UNREAD.has(error.name)) return undefined;
  const { $response: response } = error as { readonly $response?: Response };
  if (!response) return undefined;
  const { statusCode: status, body, proxy } = response;
  const isKept = typeof body === 'string' || body instanceof Uint8Array;
  // Of a good status: what the SDK says of its first word.
  const text = isKept ? Buffer.from(body as string).toString() : (messageOf(error).split('\n')[0] ?? '');
  const said = text.replace(/\s+/g, ' ').trim().slice(0, 200);
  const whose = proxy === undefined ? '' : ` (perhaps of the proxy ${proxy})`;
  return said
    ? `status ${status} with an answer that is not AWS's${whose}: ${said}`
    : `status ${status} with an empty answer${whose}`;
}
