import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';

import { DeleteDialog } from '../../web/js/faces/delete-dialog.js';
import { FakeElement, pretendBrowser } from './fakes.js';

pretendBrowser();

const AUNT = { id: 'a1', name: 'My aunt', image: '/aunt.png' };

/** As a browser has it: the answer stays from one time to the next, unless a button or a program sets it. */
class FakeDialog extends FakeElement {
  returnValue = '';
  open = false;

  showModal() {
    this.open = true;
  }

  leave(value = this.returnValue) {
    this.open = false;
    this.returnValue = value;
    this.dispatchEvent(new Event('close'));
  }
}

let element;
let dialog;

beforeEach(() => {
  element = new FakeDialog({ h2: new FakeElement(), img: new FakeElement() });
  dialog = new DeleteDialog(element);
});

test('the question names and shows the face, and is open until it is answered', async () => {
  const asked = dialog.ask(AUNT);
  assert.ok(element.open);
  assert.equal(element.parts.h2.textContent, 'Delete My aunt?');
  assert.equal(element.parts.img.src, '/aunt.png');
  element.leave('delete');
  assert.equal(await asked, true);
});

test('Escape keeps the face, also after another was deleted', async () => {
  const first = dialog.ask(AUNT);
  element.leave('delete');
  await first;
  const second = dialog.ask({ ...AUNT, name: 'My uncle' });
  element.leave();
  assert.equal(await second, false);
});
