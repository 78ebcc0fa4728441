/** What a caller gives for a configuration: any of its fields; what is left out or undefined takes its default. */
export type OptionsOf<Config> = { readonly [Name in keyof Config]?: Config[Name] | undefined }
