import assert from 'node:assert/strict';
import { test } from 'node:test';

import { changesNothing, framingOf } from '../../web/js/faces/framing.js';
import { Latest } from '../../web/js/faces/latest.js';

const FIELDS = { crop: 'square', background: 'keep', colour: '#123456', behind: null };
const FILE = new File(['x'], 'x.png');

test('a framing is what the fields say, in the words of the server', () => {
  assert.deepEqual(framingOf(FIELDS), { crop: 'square', background: 'keep', behind: null });
  assert.deepEqual(framingOf({ ...FIELDS, background: 'colour' }), { crop: 'square', background: '#123456', behind: null });
  const behind = framingOf({ ...FIELDS, background: 'picture', behind: FILE });
  assert.deepEqual(behind, { crop: 'square', background: 'picture', behind: FILE });
});

test('another picture behind has to be chosen first, and is sent only where it is wanted', () => {
  assert.equal(framingOf({ ...FIELDS, background: 'picture' }), null);
  assert.equal(framingOf({ ...FIELDS, background: 'blur', behind: FILE })?.behind, null);
});

test('a picture as it is needs no other avatar', () => {
  assert.ok(changesNothing({ crop: 'keep', background: 'keep', behind: null }));
  assert.ok(!changesNothing({ crop: 'keep', background: 'blur', behind: null }));
  assert.ok(!changesNothing({ crop: 'square', background: 'keep', behind: null }));
});

test('of what is wanted while work goes on only the latest is done, one at a time', async () => {
  /** @type {string[]} */
  const begun = [];
  /** @type {(() => void)[]} */
  const ends = [];
  const latest = new Latest((/** @type {string} */ wanted) => {
    begun.push(wanted);
    return new Promise((resolve) => ends.push(() => resolve(undefined)));
  });
  const all = latest.want('a');
  for (const wanted of ['b', 'c', 'd']) latest.want(wanted);
  assert.deepEqual(begun, ['a']);
  assert.ok(latest.isOutdated);
  ends[0]?.();
  await new Promise((resolve) => setTimeout(resolve));
  assert.deepEqual(begun, ['a', 'd']);
  latest.want('e');
  latest.forget();
  ends[1]?.();
  await all;
  assert.deepEqual(begun, ['a', 'd']);
  assert.ok(!latest.isOutdated);
});
