/** What a JSON schema says, for people. */

/**
 * As much of a schema as is looked at here.
 * @typedef {{$ref?: string, type?: string, format?: string, const?: unknown, enum?: unknown[], items?: Schema,
 *   anyOf?: Schema[], oneOf?: Schema[], properties?: Record<string, Schema>, required?: string[], default?: unknown,
 *   description?: string, additionalProperties?: Schema|boolean}} Schema
 */

const REFERENCE = '#/components/schemas/';

/** The name that a schema refers to, or null. @param {Schema} schema @returns {?string} */
export function referenceOf(schema) {
  return schema.$ref?.startsWith(REFERENCE) ? schema.$ref.slice(REFERENCE.length) : null;
}

/** Say in short what a value is. @param {Schema|undefined} schema @returns {string} */
export function kindOf(schema) {
  if (!schema) return '';
  const reference = referenceOf(schema);
  if (reference) return reference;
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices) return choices.map(kindOf).join(' | ');
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(' | ');
  if (schema.type === 'array') return `list of ${kindOf(schema.items) || 'anything'}`;
  return [schema.type ?? '', schema.format ? `(${schema.format})` : ''].join(' ').trim();
}

/**
 * The fields of an object, in the order in which the schema names them.
 * @param {Schema} schema
 * @returns {{name: string, kind: string, note: string, target: ?string}[]} `target`: the schema it leads to
 */
export function fieldsOf({ properties = {}, required = [] }) {
  return Object.entries(properties).map(([name, field]) => {
    const usual = field.default === undefined ? '' : `${JSON.stringify(field.default)} where it is left out`;
    const presence = required.includes(name) || usual ? usual : 'may be left out';
    const target = referenceOf(field) ?? (field.items ? referenceOf(field.items) : null);
    return { name, kind: kindOf(field), note: [field.description, presence].filter(Boolean).join('; '), target };
  });
}
