/** The API as `/openapi.json` describes it, for people. Nothing of it comes from anywhere else. */

import { part } from '../ui/part.js';
import { fieldsOf, kindOf, referenceOf } from './schema.js';

/**
 * @typedef {import('./schema.js').Schema} Schema
 * @typedef {Record<string, {schema?: Schema}>} Content
 * @typedef {{summary?: string, tags?: string[], parameters?: {name: string, in: string, required?: boolean, description?: string, schema?: Schema}[],
 *   requestBody?: {content: Content}, responses: Record<string, {description?: string, content?: Content}>}} Operation
 * @typedef {{paths: Record<string, Record<string, Operation>>, components: {schemas: Record<string, Schema>},
 *   'x-websockets': Record<string, {receives: Schema, sends: Schema}>}} Description
 */

const status = part(document, '#status', HTMLElement);
const operations = part(document, '#operations', HTMLElement);
const schemas = part(document, '#schemas', HTMLElement);

/** @param {Description} description */
function show(description) {
  /** @type {Map<string, HTMLElement>} */
  const groups = new Map();
  for (const [path, methods] of Object.entries(description.paths)) {
    for (const [verb, operation] of Object.entries(methods)) {
      groupOf(groups, operation.tags?.[0] ?? 'server').append(operationItem(verb.toUpperCase(), path, operation));
    }
  }
  for (const [path, { receives, sends }] of Object.entries(description['x-websockets'] ?? {})) {
    const rows = [['it receives', link(receives)], ['it sends', link(sends)]];
    groupOf(groups, 'socket').append(item([method('WebSocket'), code(path)], [table(rows)]));
  }
  operations.append(...groups.values());
  for (const [name, schema] of Object.entries(description.components.schemas)) schemas.append(schemaItem(name, schema));
  schemas.hidden = false;
  status.hidden = true;
}

/** @param {Map<string, HTMLElement>} groups @param {string} name */
function groupOf(groups, name) {
  const known = groups.get(name);
  if (known) return known;
  const group = document.createElement('section');
  group.append(element('h2', name[0].toUpperCase() + name.slice(1)));
  groups.set(name, group);
  return group;
}

/** @param {string} verb @param {string} path @param {Operation} operation */
function operationItem(verb, path, { summary = '', parameters = [], requestBody, responses }) {
  const inside = [];
  if (parameters.length > 0) {
    const rows = parameters.map(({ name, in: place, schema, description = '' }) => [
      code(name), `${kindOf(schema)}, in the ${place}${description ? `; ${description}` : ''}`,
    ]);
    inside.push(element('h3', 'Parameters'), table(rows));
  }
  if (requestBody) inside.push(element('h3', 'Body'), table(contentRows(requestBody.content)));
  const answers = Object.entries(responses).map(([number, { description = '', content = {} }]) => [
    code(number), marked(description), ...contentRows(content).map(([, kind]) => kind),
  ]);
  inside.push(element('h3', 'Answers'), table(answers));
  return item([method(verb), code(path), element('span', summary)], inside);
}

/** @param {Content} content @returns {(string|Node)[][]} */
function contentRows(content) {
  return Object.entries(content).map(([type, { schema }]) => [code(type), schema ? link(schema) : '']);
}

/** @param {string} name @param {Schema} schema */
function schemaItem(name, schema) {
  const rows = fieldsOf(schema).map(({ name: field, kind, note, target }) => [
    code(field), target ? link({ $ref: `#/components/schemas/${target}` }, kind) : kind, note,
  ]);
  const inside = rows.length > 0 ? table(rows) : element('p', kindOf(schema));
  const made = item([code(name), element('span', schema.description ?? '')], [inside]);
  made.id = `schema-${name}`;
  return made;
}

/** @param {Schema} schema @param {string} [text] */
function link(schema, text = kindOf(schema)) {
  const target = referenceOf(schema);
  if (!target) return element('span', text);
  const anchor = document.createElement('a');
  anchor.href = `#schema-${target}`;
  anchor.textContent = text;
  anchor.addEventListener('click', () => document.getElementById(`schema-${target}`)?.setAttribute('open', ''));
  return anchor;
}

/** @param {Node[]} title @param {Node[]} inside */
function item(title, inside) {
  const details = document.createElement('details');
  const summary = document.createElement('summary');
  summary.append(...title);
  const body = document.createElement('div');
  body.className = 'body';
  body.append(...inside);
  details.append(summary, body);
  return details;
}

/** @param {(string|Node)[][]} rows */
function table(rows) {
  const made = document.createElement('table');
  for (const cells of rows) {
    const row = made.insertRow();
    for (const cell of cells) row.insertCell().append(cell);
  }
  return made;
}

/** Text with its codes between backticks. @param {string} text */
function marked(text) {
  const made = document.createElement('span');
  made.append(...text.split('`').map((piece, index) => (index % 2 === 1 ? code(piece) : piece)));
  return made;
}

/** @param {string} text */
function code(text) {
  return element('code', text);
}

/** @param {string} verb */
function method(verb) {
  const made = code(verb);
  made.className = 'method';
  return made;
}

/** @param {string} tag @param {string} text */
function element(tag, text) {
  const made = document.createElement(tag);
  made.textContent = text;
  return made;
}

async function begin() {
  const response = await fetch('/openapi.json');
  if (!response.ok) throw new Error(`The server answered ${response.status}.`);
  show(await response.json());
}

begin().catch((error) => (status.textContent = `The description could not be read: ${error.message}`));
