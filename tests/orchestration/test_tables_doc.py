from orchestration import tables_doc


def test_the_page_of_tables_says_what_is_declared() -> None:
    written = tables_doc.PATH.read_text()

    declared = tables_doc.text()

    assert written == declared, "run: python -m orchestration.tables_doc"
