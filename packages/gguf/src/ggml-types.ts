// Element types of tensors, as `enum ggml_type` of ggml numbers them. A quantised type is stored in blocks of neighbours in a
// row; block sizes are those of ggml-common.h.

/** Elements that are stored together, and the bytes they take. */
export interface GgmlTypeInfo {
  readonly id: number
  readonly blockElements: number
  readonly blockBytes: number
}

const TYPES = {
  F32: [0, 1, 4],
  F16: [1, 1, 2],
  Q4_0: [2, 32, 18],
  Q4_1: [3, 32, 20],
  Q5_0: [6, 32, 22],
  Q5_1: [7, 32, 24],
  Q8_0: [8, 32, 34],
  Q8_1: [9, 32, 36],
  Q2_K: [10, 256, 84],
  Q3_K: [11, 256, 110],
  Q4_K: [12, 256, 144],
  Q5_K: [13, 256, 176],
  Q6_K: [14, 256, 210],
  Q8_K: [15, 256, 292],
  IQ2_XXS: [16, 256, 66],
  IQ2_XS: [17, 256, 74],
  IQ3_XXS: [18, 256, 98],
  IQ1_S: [19, 256, 50],
  IQ4_NL: [20, 32, 18],
  IQ3_S: [21, 256, 110],
  IQ2_S: [22, 256, 82],
  IQ4_XS: [23, 256, 136],
  I8: [24, 1, 1],
  I16: [25, 1, 2],
  I32: [26, 1, 4],
  I64: [27, 1, 8],
  F64: [28, 1, 8],
  IQ1_M: [29, 256, 56],
  BF16: [30, 1, 2],
  TQ1_0: [34, 256, 54],
  TQ2_0: [35, 256, 66],
  MXFP4: [39, 32, 17],
} as const satisfies Record<string, readonly [id: number, elements: number, bytes: number]>

export type GgmlType = keyof typeof TYPES

export const GGML_TYPES = Object.keys(TYPES) as GgmlType[]

const NAMES = new Map<number, GgmlType>(GGML_TYPES.map((name) => [TYPES[name][0], name]))

export function ggmlTypeInfo(type: GgmlType): GgmlTypeInfo {
  const [id, blockElements, blockBytes] = TYPES[type]
  return { id, blockElements, blockBytes }
}

/** The name of a number in a file; undefined for one that is not known. */
export function ggmlTypeOf(id: number): GgmlType | undefined {
  return NAMES.get(id)
}

/** What most tensors of a file are, as `enum llama_ftype` of llama.cpp numbers it in `general.file_type`. */
export const FILE_TYPES = {
  F32: 0,
  F16: 1,
  Q4_0: 2,
  Q4_1: 3,
  Q8_0: 7,
  Q5_0: 8,
  Q5_1: 9,
  Q2_K: 10,
  Q3_K_S: 11,
  Q3_K_M: 12,
  Q3_K_L: 13,
  Q4_K_S: 14,
  Q4_K_M: 15,
  Q5_K_S: 16,
  Q5_K_M: 17,
  Q6_K: 18,
  IQ4_NL: 25,
  IQ4_XS: 30,
  BF16: 32,
  MXFP4: 38,
} as const
export type FileType = keyof typeof FILE_TYPES

/** The name of a number in `general.file_type`; undefined for one that is not known. */
export function fileTypeOf(id: number): FileType | undefined {
  return (Object.keys(FILE_TYPES) as FileType[]).find((name) => FILE_TYPES[name] === id)
}
