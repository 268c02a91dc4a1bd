import assert from 'node:assert/strict';
import { test } from 'node:test';

import { markOf } from '../../web/js/watch/mark.js';

test('what a picture is marked with comes percent-encoded', () => {
  assert.equal(markOf(new Headers({ 'Lipwire-Label': 'Von%20KI%20%C3%A4hnlich' })), 'Von KI ähnlich');
});

test('where an answer says none, or nonsense, the mark stays as it is', () => {
  for (const headers of [{}, { 'Lipwire-Label': '' }, { 'Lipwire-Label': '%20' }, { 'Lipwire-Label': '%E0%A4%A' }]) {
    assert.equal(markOf(new Headers(headers)), '');
  }
});
