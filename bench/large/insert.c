/* The limit of SQLite itself: ready rows into a table and its index, as a C program does it.

   cc -O2 -o insert insert.c -lsqlite3;  ./insert DATABASE ROWS NAMES

   ROWS: struct row, one after another, GDP descending. NAMES: one a line, numbered from 0. */
#include <sqlite3.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct row { double billion, published; int64_t record; int32_t country, year; };

static void check(int code, sqlite3 *base) {
    if (code != SQLITE_OK && code != SQLITE_DONE) { fprintf(stderr, "%s\n", sqlite3_errmsg(base)); exit(1); }
}

int main(int count, char **arguments) {
    static char names[1024][128];
    static struct row rows[4096];
    sqlite3 *base;
    sqlite3_stmt *insert;
    size_t many;
    if (count != 4) return 2;
    FILE *file = fopen(arguments[3], "r");
    for (int at = 0; file && at < 1024 && fgets(names[at], sizeof names[at], file); at++)
        names[at][strcspn(names[at], "\n")] = 0;
    check(sqlite3_open(arguments[1], &base), base);
    check(sqlite3_exec(base, "PRAGMA page_size=16384; PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF;"
        "PRAGMA locking_mode=EXCLUSIVE; PRAGMA cache_size=-64000;"
        "CREATE TABLE Countries_by_GDP(Country TEXT NOT NULL, GDP_USD_billion REAL NOT NULL,"
        "GDP_as_published REAL NOT NULL, Year INTEGER NOT NULL, record INTEGER NOT NULL); BEGIN", 0, 0, 0), base);
    check(sqlite3_prepare_v2(base, "INSERT INTO Countries_by_GDP VALUES (?, ?, ?, ?, ?)", -1, &insert, 0), base);
    if (!(file = fopen(arguments[2], "rb"))) return 1;
    while ((many = fread(rows, sizeof *rows, 4096, file)) > 0)
        for (size_t at = 0; at < many; at++) {
            sqlite3_bind_text(insert, 1, names[rows[at].country], -1, SQLITE_STATIC);
            sqlite3_bind_double(insert, 2, rows[at].billion);
            sqlite3_bind_double(insert, 3, rows[at].published);
            sqlite3_bind_int(insert, 4, rows[at].year);
            sqlite3_bind_int64(insert, 5, rows[at].record);
            check(sqlite3_step(insert), base);
            sqlite3_reset(insert);
        }
    sqlite3_finalize(insert);
    check(sqlite3_exec(base, "COMMIT; CREATE INDEX by_gdp ON Countries_by_GDP(GDP_USD_billion DESC)", 0, 0, 0), base);
    return sqlite3_close(base);
}
