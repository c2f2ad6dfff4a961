/** Answers from the web that are to be lists. */

import { expect, test } from 'vitest';
import { fetchItems } from '../../../src/rules/lists/items-fetch.ts';
import { NoAnswer } from '../../../src/rules/lists/no-answer.ts';

const MIB = Buffer.alloc(1024 * 1024, 'a');

/** An answer of so many bytes, and how many of them were asked for. */
function answerOf(size: number) {
  const answer = { asked: 0 };
  const body = new ReadableStream({
    pull(controller) {
      const left = size - answer.asked;
      if (left === 0) return controller.close();
      const piece = MIB.subarray(0, left);
      answer.asked += piece.length;
      controller.enqueue(piece);
    },
  });
  const get = async () => new Response(body);
  return { answer, fetched: () => fetchItems({ address: 'http://feed.test/' }, undefined, undefined, get) };
}

test('an answer is refused as soon as it has more than 128 MiB', async () => {
  const { answer, fetched } = answerOf(512 * MIB.length);
  await expect(fetched()).rejects.toThrow('the answer has more than 128 MiB');
  expect(answer.asked).toBeLessThan(132 * MIB.length);
  const { content } = (await answerOf(128 * MIB.length).fetched()) ?? {};
  expect(content?.length).toBe(128 * MIB.length);
});

test.each(['directly', 'by a proxy'])(
  'a port that fetch never asks, %s, is no want of an answer: it will not pass',
  async (how) => {
    const get =
      how === 'directly' ? fetch : async () => Promise.reject(new Error('by the proxy http://p:3128: bad port'));
    // X11's.
    const failed = await fetchItems({ address: 'http://127.0.0.1:6000/list' }, undefined, undefined, get).catch(
      (error: Error) => error,
    );
    expect(failed).not.toBeInstanceOf(NoAnswer);
    expect(failed).toMatchObject({ message: expect.stringContaining('its port is that of another protocol') });
  },
);
