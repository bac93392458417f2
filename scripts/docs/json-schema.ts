import type { ApiSchema } from '../../test/openapi/document.ts'
import { anchorOf } from './markdown.ts'

/** What the reference reads of a JSON Schema. */
interface Schema {
  $ref?: string
  type?: string | string[]
  format?: string
  enum?: unknown[]
  const?: unknown
  anyOf?: Schema[]
  items?: Schema
  additionalProperties?: Schema | boolean
  properties?: Record<string, Schema>
  required?: string[]
  description?: string
  examples?: readonly unknown[]
  minimum?: number
  maximum?: number
}

export interface Field {
  name: string
  schema: Schema
  isRequired: boolean
}

/** Follows a reference to a named schema. Of several schemas for one body, returns the first. */
export type Resolve = (schema: Schema) => Schema

export function resolverOf(schemas: Record<string, ApiSchema>): Resolve {
  return (schema) => {
    const [first] = schema.anyOf ?? []
    if (first?.properties) return first
    return schema.$ref ? (schemas[nameOf(schema.$ref)] ?? {}) : schema
  }
}

export function nameOf(reference: string): string {
  return reference.split('/').at(-1) ?? ''
}

export function fieldsOf(given: Schema, resolve: Resolve): Field[] {
  const { properties = {}, required = [] } = resolve(given)
  return Object.entries(properties).map(([name, schema]) => ({
    name,
    schema,
    isRequired: required.includes(name),
  }))
}

/** A type in words, such as `integer, 1 to 200`. */
export function typeOf(schema: Schema): string {
  const { enum: words, items, anyOf, additionalProperties, format } = schema
  if (schema.$ref) return objectLink(schema.$ref)
  if ('const' in schema) return `\`${schema.const}\``
  if (words) return words.map((word) => `\`${word}\``).join(', ')
  if (format === 'binary') return 'bytes'
  const nullable = [schema.type].flat().includes('null') ? ' or null' : ''
  if (anyOf) {
    // A number in JSON, or its digits in a form: one type for callers.
    const isNumber = anyOf.some(({ type }) => type === 'integer')
    const kinds = anyOf.filter(({ type }) => type !== 'string' || !isNumber).map(typeOf)
    return [...new Set(kinds)].join(' or ')
  }
  if (schema.type === 'null') return 'null'
  const type = [schema.type].flat().find((each) => each !== 'null') ?? 'any'
  if (items) return `array of ${typeOf(items)}${nullable}`
  if (typeof additionalProperties === 'object') {
    return `object, each value ${typeOf(additionalProperties)}${nullable}`
  }
  return `${type}${boundsOf(schema)}${nullable}`
}

function boundsOf({ type, minimum, maximum }: Schema): string {
  if (type !== 'integer' || maximum === undefined || maximum >= 2 ** 31 - 1) return ''
  return `, ${minimum ?? 0} to ${maximum}`
}

export function objectLink(reference: string): string {
  const name = nameOf(reference)
  return `[${name}](#${anchorOf(objectHeading(name))})`
}

/** Not the name alone: a chapter may have the same. */
export function objectHeading(name: string): string {
  return `The object ${name}`
}

/** What the schema's examples make of it; of an object the fields that must be there, or `wanted`. */
export function exampleOf(
  given: Schema,
  resolve: Resolve,
  wanted: (field: Field) => boolean = ({ isRequired }) => isRequired,
): unknown {
  const schema = resolve(given)
  const [example] = schema.examples ?? []
  if (Array.isArray(example) && example.length === 0 && schema.items) {
    return [exampleOf(schema.items, resolve)]
  }
  if (example !== undefined) return example
  if ('const' in schema) return schema.const
  const fields = fieldsOf(schema, resolve).filter(wanted)
  return Object.fromEntries(fields.map((each) => [each.name, exampleOf(each.schema, resolve)]))
}
