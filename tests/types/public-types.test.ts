import { readdirSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { describe, expect, test } from 'vitest'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const CALLER = join(ROOT, 'tests', 'types', 'strict-caller.ts')
const indexes = readdirSync(join(ROOT, 'packages')).map(indexOf)
const program = ts.createProgram([...indexes, CALLER], strictOptions())
const checker = program.getTypeChecker()

describe('the public types', () => {
  test('take constants, and undefined for what may be left out, from the strictest caller', () => {
    const caller = program.getSourceFile(CALLER)
    expect(caller).toBeDefined()
    expect(program.getSemanticDiagnostics(caller).map(textOf)).toEqual([])
  })

  test('let every optional property be undefined', () => {
    const optional = indexes.flatMap(exportedTypes).flatMap(optionalProperties)
    expect(optional.length).toBeGreaterThan(150)
    const offenders = optional.filter(({ symbol }) => !takesUndefined(symbol))
    expect([...new Set(offenders.map(({ name }) => name))]).toEqual([])
  })

  test('say of every option of loraTrain what it does, where an editor shows it', () => {
    const options = exportedTypes(indexOf('lora')).filter(({ name }) =>
      /^(Lora(Train)?|LoadAdapter|SaveAdapter|SaveMerged|EstimateMemory|Generate(Text)?)Options$/.test(
        name,
      ),
    )
    expect(options).toHaveLength(8)
    const silent = options
      .flatMap(optionalProperties)
      .filter(({ symbol }) => symbol.getDocumentationComment(checker).length === 0)
    expect(silent.map(({ name }) => name)).toEqual([])
  })
})

function indexOf(name: string): string {
  return join(ROOT, 'packages', name, 'src', 'index.ts')
}

/** Those with which every type is checked, and what the strictest programs add. */
function strictOptions(): ts.CompilerOptions {
  const host = { ...ts.sys, onUnRecoverableConfigFileDiagnostic: () => undefined }
  const config = ts.getParsedCommandLineOfConfigFile(
    join(ROOT, 'tsconfig.check.json'),
    { exactOptionalPropertyTypes: true },
    host,
  )
  if (config === undefined) throw new Error('tsconfig.check.json must be readable')
  return config.options
}

function textOf({ file, start = 0, messageText }: ts.Diagnostic): string {
  const line = (file?.getLineAndCharacterOfPosition(start).line ?? 0) + 1
  return `line ${line}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`
}

/** Whether undefined may be written, which strictly is more than that the property may be left out. */
function takesUndefined(property: ts.Symbol): boolean {
  const type = checker.getTypeOfSymbol(property)
  const members = type.isUnion() ? type.types : [type]
  return members.some(
    (member) =>
      member === checker.getUndefinedType() ||
      (member.flags & (ts.TypeFlags.Any | ts.TypeFlags.Unknown)) !== 0,
  )
}

interface NamedType {
  readonly name: string
  readonly type: ts.Type
}

/** Interfaces and type aliases that a package exports. */
function exportedTypes(index: string): NamedType[] {
  const file = program.getSourceFile(index)
  const module = file && checker.getSymbolAtLocation(file)
  if (module === undefined) throw new Error(`${index} must be a module`)
  return checker.getExportsOfModule(module).flatMap((exported) => {
    const isAlias = (exported.flags & ts.SymbolFlags.Alias) !== 0
    const symbol = isAlias ? checker.getAliasedSymbol(exported) : exported
    const isType = ts.SymbolFlags.Interface | ts.SymbolFlags.TypeAlias
    if ((symbol.flags & isType) === 0) return []
    return [{ name: exported.name, type: checker.getDeclaredTypeOfSymbol(symbol) }]
  })
}

interface NamedProperty {
  readonly name: string
  readonly symbol: ts.Symbol
}

/** The optional properties of a type, or of each member of a union, that are declared here. */
function optionalProperties({ name, type }: NamedType): NamedProperty[] {
  const members = type.isUnion() ? type.types : [type]
  return members.flatMap((member) =>
    member
      .getProperties()
      .filter((symbol) => (symbol.flags & ts.SymbolFlags.Optional) !== 0 && packageOf(symbol))
      .map((symbol) => ({ name: `${name}.${symbol.name}`, symbol })),
  )
}

/** The package that declares a symbol; undefined for one of others. */
function packageOf({ declarations = [] }: ts.Symbol): string | undefined {
  const [declaration] = declarations
  if (declaration === undefined) return undefined
  const path = relative(join(ROOT, 'packages'), declaration.getSourceFile().fileName)
  return /^([a-z]+)[\\/]src[\\/]/.exec(path)?.[1]
}
