UPDATE picture SET rows = ?
